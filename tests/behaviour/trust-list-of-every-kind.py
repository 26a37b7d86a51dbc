# Promise: a good list of every kind that a cluster may write is taken by a running link, over HTTP as well; a bad one
# changes nothing: it is named, the held list stays, the session goes on.
# Could break: a kind that the unit tests know and the running program does not survive, a refused list on disk.
import unittest

from harness import Site, exchange

TAKEN = ("list-second-sast", "list-digest=sha1", "list-digest=sha256", "list-digest=sha384", "list-digest=sha512",
         "list-ecdsa-record", "list-unknown-tags", "list-signer-version", "list-ipv6", "list-older", "list-only-ctlfile")
REFUSED = {  # the exit code of the fault, and a part of the message
    "list-bad-signature": (12, "CTL_SIG_INVALID"), "list-damaged": (12, "CTL_SIG_INVALID"),
    "list-truncated": (11, "CTL_FORMAT"), "list-trailing": (11, "CTL_FORMAT"), "list-html": (11, "web page"),
    "list-empty": (11, "CTL_FORMAT"), "list-bad-record": (11, "bad certificate at offset"), "list-wrong-signer=stranger": (12, "CTL_SIG_UNTRUSTED"),
    "list-wrong-signer=twin": (12, "CTL_SIG_INVALID"), "list-wrong-signer=not-sast": (12, "CTL_SIG_UNTRUSTED"),
    "list-digest-tag=4": (12, "CTL_SIG_ALGO"), "list-none": (10, "CTL_NOT_FOUND")}
class Lists(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site())

    def start(self, options=None):
        self.site.start_tserver(options)
        self.trust = self.site.wait_up()["links"][0]["trust"]
        self.sessions = self.site.counts()["cti_sessions"]
        self.application = self.enterContext(self.site.application())
        self.assertEqual(exchange(self.application, b"before"), b"before")

    def refresh_with(self, fault):
        self.assertTrue(self.site.tell_cluster(f"fault {fault}")["ok"], fault)
        answer = self.site.ctl("trust", "refresh", "link-tls-1")
        self.assertTrue(self.site.tell_cluster("clear")["ok"])
        return answer

    def undisturbed(self):
        self.assertEqual(exchange(self.application, b"undisturbed"), b"undisturbed")
        self.assertEqual(self.site.counts()["cti_sessions"], self.sessions)
        self.assertEqual(self.site.link()["state"], "up")

    def test_every_good_kind_is_taken_and_the_session_stays(self):
        self.site.start_cluster()
        self.start()
        for fault in TAKEN:
            with self.subTest(fault):
                code, out, errors = self.refresh_with(fault)
                self.assertEqual(code, 0, errors)
                self.assertEqual(self.site.link()["trust"]["state"], "current")
                self.undisturbed()

    def test_every_bad_kind_is_named_and_the_held_list_stays(self):
        self.site.start_cluster()
        self.start()
        for fault, (exit_code, message) in REFUSED.items():
            with self.subTest(fault):
                code, _, errors = self.refresh_with(fault)
                self.assertEqual(code, exit_code, errors)
                self.assertIn(message, errors)
                trust = self.site.link()["trust"]
                self.assertEqual((trust["state"], trust["sha256"]), ("kept", self.trust["sha256"]))
                self.undisturbed()
        self.assertEqual(self.site.ctl("trust", "refresh", "link-tls-1")[0], 0)
        self.assertEqual(self.site.link()["trust"], self.trust)

    def test_over_http_as_well_with_the_same_checks(self):
        self.site.start_cluster("--http", f"{self.site.slot.address(1)}:0")
        options = self.site.options()
        options["link-tls"] |= {"tls-ctl-source": "http", "tls-ctl-http-port": self.site.port("http"),
                                "tls-tftp-timeout": "5s"}
        self.start(options)
        self.assertEqual(self.site.counts()["tftp_requests"], 0)
        self.assertGreater(self.site.counts()["http_requests"], 0)
        code, _, errors = self.refresh_with("list-damaged")
        self.assertEqual(code, 12, errors)
        self.assertIn("CTL_SIG_INVALID", errors)
        for fault in ("http-redirect", "http-short", "http-hang"):
            code, _, errors = self.refresh_with(fault)
            self.assertEqual(code, 10, errors)
        self.undisturbed()

    def test_mixed_mode_switched_off_is_named_and_comes_back(self):
        self.site.start_cluster()
        self.start()
        self.refresh_with("list-empty-ccm")
        link = self.site.blamed("CTL_NO_SERVER_CERTS")
        self.assertRegex(link["reason"]["action"], "mixed mode")
        self.assertTrue(self.site.refused())
        self.assertEqual(self.site.ctl("trust", "refresh", "link-tls-1")[0], 0)
        self.site.wait_up()


if __name__ == "__main__":
    unittest.main(verbosity=2)
