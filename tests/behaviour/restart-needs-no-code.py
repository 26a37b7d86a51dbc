# Promise: a certificate that was enrolled once is enough; a restart needs no code, one that still stands in the file is
# known as used, and CAPF is not asked again (F30). The documented procedure works as written: set codes, start, stop,
# remove the codes, start.
# Could break: a code that is tried at each start (each failed try counts on the cluster), an identity that is written
# after the link is up and lost by an early stop.
import unittest

from harness import Site, receive


class Restart(unittest.TestCase):
    def test_with_the_code_and_without_it_comes_up_and_asks_nothing_of_capf(self):
        site = self.enterContext(Site(links=2))
        site.start_cluster()
        options = site.options()
        site.start_tserver(options)
        first = [link["identity"]["sha256"] for link in site.wait_up()["links"]]
        self.assertEqual(site.counts()["capf_connections"], 2)
        self.assertEqual(site.stop_tserver(), 0)

        def restarted(what):
            site.start_tserver()
            status = site.wait_up()
            self.assertEqual([link["identity"]["sha256"] for link in status["links"]], first, what)
            self.assertEqual([link["counters"]["enrolments"] for link in status["links"]], [0, 0], what)
            self.assertEqual(site.counts()["capf_connections"], 2, what)
            for n in (1, 2):
                with site.application(n) as application:
                    application.sendall(b"carried")
                    self.assertEqual(receive(application, 7), b"carried")
            self.assertEqual(site.stop_tserver(), 0)

        restarted("the codes are still in the file")
        for name in site.names:
            del options[name]["tls-auth-code"]
        site.write(options)
        restarted("the codes are removed")
        restarted("again")


if __name__ == "__main__":
    unittest.main(verbosity=2)
