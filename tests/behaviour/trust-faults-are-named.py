# Promise: whatever keeps a link from its trust list is called by its own name, and no list that is not good is taken. The
# table is printed.
# Could break: a list that is refused called a TFTP failure, a forged one called damaged.
import re
import unittest

from harness import Named, Site


class TrustFaults(unittest.TestCase):
    def setUp(self):
        self.named = Named()
        self.site = self.enterContext(Site())

    def test_the_first_trust_list(self):
        """The link never gets a list, so one tserver meets one cluster after the other."""
        site = self.site
        site.start_cluster("--fault", "list-none")
        options = site.options()
        options["link-tls"]["tls-tftp-timeout"] = "10s"
        site.start_tserver(options)
        self.named.add("CTL_NOT_FOUND", "fault list-none", self.site.called("CTL_NOT_FOUND"), "status")
        before = "list-none"
        for fault, menu in (("TFTP_UNREACHABLE", "tftp-down"), ("TFTP_REFUSED", "tftp-error=2"),
                            ("TFTP_PROTOCOL", "tftp-unasked-option"), ("TFTP_PROTOCOL", "tftp-wrong-blksize"),
                            ("CTL_FORMAT", "list-html"), ("CTL_FORMAT", "list-truncated"), ("CTL_FORMAT", "list-empty"),
                            ("CTL_NO_SERVER_CERTS", "list-empty-ccm"), ("CTL_NO_SERVER_CERTS", "list-no-ccm"),
                            ("CTL_SIG_INVALID", "list-bad-signature"), ("CTL_SIG_INVALID", "list-wrong-signer=twin"),
                            ("CTL_SIG_UNTRUSTED", "list-wrong-signer=not-sast"), ("CTL_SIG_ALGO", "list-digest-tag=4"),
                            ("CTL_TOO_LARGE", "tftp-size=17000000")):
            self.assertTrue(site.tell_cluster(f"fault {menu}")["ok"], menu)
            if before != menu.split("=")[0]:
                site.tell_cluster(f"clear {before}")
            before = menu.split("=")[0]
            self.named.add(fault, f"fault {menu}", self.site.called(fault), "status")
        self.assertEqual(site.counts()["capf_sessions"], 0)
        self.named.check(self)

    def test_a_pin_of_another_cluster(self):
        self.site.start_cluster()
        options = self.site.options()
        options["link-tls"]["tls-ctl-fingerprint"] = "00" * 32
        self.site.start_tserver(options)
        self.named.add("CTL_PIN_MISMATCH", "tls-ctl-fingerprint of another", self.site.called("CTL_PIN_MISMATCH"), "status")
        self.assertEqual(self.site.link()["state"], "stopped")
        self.named.check(self)

    def test_a_later_list_that_is_not_signed_by_the_held_one(self):
        site = self.site
        site.start_cluster()
        site.start_tserver()
        site.wait_up()
        site.tell_cluster("list new-signer")
        code, _, errors = site.ctl("trust", "refresh", "link-tls-1")
        self.named.add("CTL_SIG_UNTRUSTED", "list new-signer", re.match(r"\w+", errors)[0], "tserverctl, log")
        self.assertEqual(code, 12)
        self.assertEqual(site.link()["state"], "up")
        self.assertIn("24104 trust list could not be renewed, the held one stays link=link-tls-1 fault=CTL_SIG_UNTRUSTED",
                      site.log())
        self.named.check(self)


if __name__ == "__main__":
    unittest.main(verbosity=2)
