# Promise: a reload or a stop in the middle of an enrolment costs no code: what is under way ends first, within its time,
# and its certificate is kept (F99). A process that is killed there leaves a mark: the code is tried once more, and when
# CAPF refuses it, it was probably used (F21). While it lasts there is no connection in clear in
# its place (F31).
# Could break: a reload that ends the process that has just sent its public key, a code that is sent again after the stop.
import os
import signal
import unittest

from harness import Site, wait_for


class UnderWay(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site())
        self.site.start_cluster("--fault", "capf-slow=700")
        self.options = self.site.options()
        self.site.start_tserver(self.options)
        self.site.wait("CAPF is talking", lambda s: self.site.counts()["capf_sessions"] == 1, 60)
        self.assertEqual(self.site.link()["state"], "enrolling")

    def issued(self):
        return self.site.tell_cluster("status")["issued"].get(self.site.instance(1), 0)

    def test_a_reload_waits_for_its_end(self):
        self.options["link-tls-1"]["connect-timeout"] = "9s"
        self.options["link-tls-1"]["tls-profile"] = "modern"
        self.site.write(self.options)
        self.assertEqual(self.site.ctl("reload")[0], 0)
        self.assertTrue(self.site.refused())
        self.site.wait("up with the new profile", lambda s: s["links"][0]["state"] == "up" and s["links"][0]["profile"] == "modern", 60)
        self.assertEqual(self.site.counts()["capf_sessions"], 1)
        self.assertEqual(self.issued(), 1)

    def test_a_stop_loses_nothing(self):
        ended = self.site.stop_tserver(within=30)
        self.assertEqual(ended, 0)
        self.assertEqual(self.site.counts()["cti_accepted"], 0)
        self.site.tell_cluster("clear capf-slow")
        self.site.start_tserver()
        self.site.wait_up(within=90)
        self.assertEqual(self.issued(), 1)

    def test_a_kill_behind_the_public_key_is_told_when_capf_refuses_the_code(self):
        self.site.tell_cluster("clear capf-slow")
        self.site.tell_cluster("fault capf-hang=store-request@1")
        wait_for("CAPF has issued", lambda: self.issued() == 1, 60)
        os.kill(self.site.link_processes()[self.site.names[0]], signal.SIGKILL)
        link = self.site.wait("named", lambda s: s["links"][0]["state"] == "stopped", 90)["links"][0]
        self.assertEqual(link["reason"]["fault"], "CAPF_CODE_PROBABLY_USED")
        self.assertIn("cut off after its public key had gone out", link["reason"]["detail"])
        self.assertEqual(self.issued(), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
