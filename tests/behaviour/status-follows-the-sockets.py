# Promise: "up" is what the sockets say: within a second of the end of the last session the status says that no link is up,
# by its exit code too (F25).
# Could break: a state that is set when a session begins and only looked at when an application comes.
import time
import unittest

from harness import Site


class Sockets(unittest.TestCase):
    def test_no_link_is_up_within_a_second_of_the_end_of_the_cluster(self):
        site = self.enterContext(Site(links=2))
        site.start_cluster()
        site.start_tserver()
        site.wait_up()
        self.assertEqual(site.ctl("status")[0], 0)
        site.cluster.end()
        until = time.monotonic() + 1.0
        while (seen := site.ctl("--json", "status"))[0] != 2:
            self.assertLess(time.monotonic(), until, seen[1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
