# Promise: a code that CAPF refuses is tried once, ever: the link stops with CAPF_AUTH_CODE and neither a restart nor a
# wait tries it again (the cluster locks the profile after a few). A new code, by reload or by `link enrol`, is enough.
# Could break: a retry loop that locks the profile, a stopped link that does not see the new code.
import unittest

from harness import CODE, Site

WRONG = "654321"


class WrongCode(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site())
        self.site.start_cluster()
        self.options = self.site.options()
        self.options["link-tls-1"]["tls-auth-code"] = WRONG
        self.site.start_tserver(self.options)
        link = self.stopped("CAPF_AUTH_CODE")
        self.assertRegex(link["reason"]["action"], "new authentication string")
        self.assertEqual(self.site.counts()["capf_sessions"], 1)
        self.assertIn("Alr 24203 enrolment failed link=link-tls-1 fault=CAPF_AUTH_CODE", self.site.log())
        # That attempts are spread over time is another promise; here the next one may come at once.
        (self.site.store / "identities" / self.site.instance(1) / "attempts.json").unlink()

    def stopped(self, fault):
        return self.site.wait(f"stopped with {fault}", lambda s: s["links"][0]["state"] == "stopped"
                              and s["links"][0]["reason"]["fault"] == fault, 60)["links"][0]

    def test_not_tried_again_by_a_restart_and_a_new_code_by_reload_brings_it_up(self):
        self.assertEqual(self.site.stop_tserver(), 0)
        self.site.start_tserver()
        self.assertIn("used or refused before", self.stopped("CODE_MISSING")["reason"]["detail"])
        self.assertEqual(self.site.counts()["capf_sessions"], 1)
        self.assertTrue(self.site.refused())
        self.options["link-tls-1"]["tls-auth-code"] = CODE
        self.site.write(self.options)
        self.assertEqual(self.site.ctl("reload")[0], 0)
        self.site.wait_up()
        self.assertEqual(self.site.counts()["capf_sessions"], 2)

    def test_a_new_code_by_link_enrol_brings_it_up(self):
        code, out, errors = self.site.ctl("link", "enrol", "link-tls-1", "--code-file", "-", given=CODE + "\n")
        self.assertEqual(code, 0, errors)
        self.assertIn(f"CN={self.site.instance(1)}", out)
        self.site.wait_up()
        self.assertEqual(self.site.counts()["capf_sessions"], 2)

    def test_a_second_wrong_code_by_link_enrol_says_so_with_its_exit_code(self):
        code, _, errors = self.site.ctl("link", "enrol", "link-tls-1", "--code-file", "-", given="111111\n")
        self.assertEqual(code, 22)
        self.assertIn("CAPF_AUTH_CODE", errors)
        self.assertEqual(self.site.link()["state"], "stopped")


if __name__ == "__main__":
    unittest.main(verbosity=2)
