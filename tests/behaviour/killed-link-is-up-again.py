# Promise: a secure link whose process is killed in mid-traffic is up again within seconds over TLS, with the identity
# it had and without CAPF; its application is told by the end of its connection.
# Could break: an identity lock or a listen address that the dead process seems to hold, a code that is tried again.
import os
import signal
import unittest

from harness import Site, exchange


class Killed(unittest.TestCase):
    def test_up_again_over_tls_with_the_same_identity(self):
        site = self.enterContext(Site())
        site.start_cluster()
        site.start_tserver()
        before = site.wait_up()["links"][0]
        with site.application() as application:
            self.assertEqual(exchange(application, b"before"), b"before")
            os.kill(before["pid"], signal.SIGKILL)
            try:
                self.assertEqual(application.recv(1), b"")
            except ConnectionResetError:
                pass
        after = site.wait("up again", lambda s: s["links"][0]["state"] == "up"
                          and s["links"][0]["pid"] != before["pid"], 30)["links"][0]
        self.assertEqual(after["restarts"], 1)
        self.assertEqual(after["identity"]["sha256"], before["identity"]["sha256"])
        self.assertTrue(after["tls_version"])
        with site.application() as application:
            self.assertEqual(exchange(application, b"after"), b"after")
        self.assertEqual(site.counts()["capf_sessions"], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
