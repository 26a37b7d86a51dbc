# Promise: a link whose certificate the CTIManager refuses after the handshake (TLS 1.3) is never shown as up and lets no
# application in, and tries again at the slow rate; also where the refusal takes longer than a client can wait for (F52).
# Could break: a session that is up for a moment each time, a cluster that is asked ten times a second.
import time
import unittest

from harness import Site

SLOW = 3  # seconds, reconnect-max


class Rejected(unittest.TestCase):
    def begin(self, delay):
        self.site = site = self.enterContext(Site())
        site.bring_up(**{"reconnect-min": "100ms", "reconnect-max": f"{SLOW}s"})
        for command in ("fault cti-tls=1.3", "fault cti-reject=unknown-ca", f"fault cti-reject-delay={delay}"):
            self.assertTrue(site.tell_cluster(command)["ok"])
        site.tell_cluster("cti drop")
        self.assertEqual(site.called("CTI_CLIENT_UNKNOWN_CA"), "CTI_CLIENT_UNKNOWN_CA")

    def attempts(self, seconds, look):
        before = self.site.counts()["cti_handshake_failures"]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            look()
            time.sleep(0.05)
        return self.site.counts()["cti_handshake_failures"] - before

    def test_a_refusal_after_our_finished(self):
        self.begin(delay=300)

        def look():
            self.assertIn(self.site.link()["state"], ("waiting", "connecting", "trust", "enrolling"))
            self.assertTrue(self.site.refused())

        self.assertIn(self.attempts(3 * SLOW, look), (2, 3))
        self.site.tell_cluster("clear")
        self.site.wait_up()

    def test_a_refusal_that_comes_late(self):
        self.begin(delay=900)  # by then the link has taken the quiet for a yes
        self.assertIn(self.attempts(4 * SLOW, lambda: None), (2, 3))
        self.assertEqual(self.site.called("CTI_CLIENT_UNKNOWN_CA"), "CTI_CLIENT_UNKNOWN_CA")
        self.site.tell_cluster("clear")
        self.site.wait_up()


if __name__ == "__main__":
    unittest.main(verbosity=2)
