# Promise: a link carries one application; a second one is reset at once and counted, and the first never notices.
# Could break: a second one that waits in the queue of the kernel and believes that it is connected, or that takes the
# session away from the first.
import unittest

from harness import Site, exchange


class Second(unittest.TestCase):
    def test_the_second_is_reset_and_counted_and_the_first_carries_on(self):
        site = self.enterContext(Site())
        site.start_cluster()
        site.start_tserver(site.options(tls=False))
        site.wait_up("plain")
        with site.application() as first:
            self.assertEqual(exchange(first, b"mine"), b"mine")
            for count in (1, 2):
                with self.assertRaises(ConnectionResetError):  # as early as in connect(), if it is slow
                    with site.application() as second:
                        second.recv(1)
                self.assertEqual(exchange(first, b"still mine"), b"still mine")
                link = site.wait("counted", lambda s, c=count: s["links"][0]["counters"]["applications_refused"] == c)
            self.assertEqual(link["links"][0]["counters"]["applications"], 1)
            self.assertTrue(link["links"][0]["application"]["connected"])
        self.assertIn("Alr 24307 application refused link=link-tls-1 fault=APPLICATION_SECOND action=", site.log())
        site.wait("the first has left", lambda s: not s["links"][0]["application"]["connected"])
        with site.application() as later:
            self.assertEqual(exchange(later, b"my turn"), b"my turn")


if __name__ == "__main__":
    unittest.main(verbosity=2)
