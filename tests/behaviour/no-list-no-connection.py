# Promise: without a trust list that verifies, a link connects nowhere and says which of the causes it is; it never goes
# in clear instead, and comes up by itself when the list is there. A link that holds a list is not touched by any of it.
# Could break: a fallback to plain, a half-verified list that is kept, a busy loop against a silent server.
import unittest

from harness import Site


class NoList(unittest.TestCase):
    # ucmsim's fault, the fault of the link, what its detail must name
    CASES = [("list-none", "CTL_NOT_FOUND", "CTL"),
             ("list-bad-signature", "CTL_SIG_INVALID", ""),
             ("list-wrong-signer=not-sast", "CTL_SIG_UNTRUSTED", ""),
             ("list-html", "CTL_FORMAT", ""),
             ("tftp-silent", "TFTP_UNREACHABLE", "")]

    def test_each_cause_has_its_name_nothing_is_connected_and_it_mends_itself(self):
        site = self.enterContext(Site())
        site.start_cluster("--fault", self.CASES[0][0])  # from the first request on
        site.start_tserver(site.options(link_tls={"tls-tftp-timeout": "2s"}))
        before = None
        for sim, fault, named in self.CASES:
            self.assertTrue(site.tell_cluster(f"fault {sim}")["ok"])
            if before and before != sim.split("=")[0]:  # never without any fault in between
                site.tell_cluster(f"clear {before}")
            before = sim.split("=")[0]
            link = site.blamed(fault, 60)
            self.assertIn(link["state"], ("waiting", "trust"), sim)
            self.assertEqual(link["trust"] and link["trust"]["state"], "none", sim)
            self.assertIn(named, link["reason"]["detail"], sim)
            self.assertTrue(site.refused(), sim)
            self.assertEqual(site.ctl("status")[0], 2, sim)
            self.assertRegex(site.log(), f"Alr 8102 connection failed link=link-tls-1 fault={fault} .*action=")
        counts = site.counts()
        self.assertEqual((counts["capf_connections"], counts["cti_accepted"]), (0, 0))
        self.assertFalse(list(site.store.glob("trust/*/ctl.tlv")))
        site.tell_cluster("clear")
        self.assertTrue(site.wait_up()["links"][0]["tls"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
