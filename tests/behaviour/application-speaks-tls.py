# Promise: an application that still has its own TLS switched on is told apart by its first message: the log names it,
# it is counted, and nothing of it reaches the CTIManager; an application in clear is carried right after.
# Could break: a ClientHello that is passed on as if it were CTI, so that both sides wait for ever.
import ssl
import unittest

from harness import Site, exchange


class SpeaksTls(unittest.TestCase):
    def test_named_counted_and_not_passed_on(self):
        site = self.enterContext(Site())
        site.start_cluster()
        site.start_tserver(site.options(tls=False))
        site.wait_up("plain")
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with site.application() as application:
            with self.assertRaises((ConnectionError, ssl.SSLError)):
                context.wrap_socket(application)
        status = site.wait("counted", lambda s: s["links"][0]["counters"]["applications_refused"] == 1)
        self.assertEqual(status["links"][0]["bytes"], {"to_ctimanager": 0, "to_application": 0})
        self.assertIn("Alr 24307 application refused link=link-tls-1 fault=APPLICATION_SPEAKS_TLS action=", site.log())
        site.wait_up("plain")
        with site.application() as application:
            self.assertEqual(exchange(application, b"in clear"), b"in clear")
        site.wait("all is counted", lambda s: s["links"][0]["bytes"]["to_ctimanager"] == 8)
        self.assertEqual([f.read_bytes() for f in site.recorded.glob("*.in") if f.stat().st_size], [b"in clear"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
