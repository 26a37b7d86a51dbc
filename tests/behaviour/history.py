# Promise: `history LINK` shows the steps of a link's last trust list, enrolment and handshakes, good and bad, without
# payload, code or passphrase, also after its process was killed.
# Could break: steps kept in the process that died, a link's steps among another's, a code in a step.
import json
import os
import signal
import unittest

from harness import CODE, PASSPHRASE, Site, exchange, wait_for


class History(unittest.TestCase):
    def steps(self, link="link-tls-1", *arguments):
        code, out, errors = self.site.ctl("--json", "history", link, *arguments)
        self.assertEqual(code, 0, errors)
        return json.loads(out)["steps"]

    def test_enrolment_handshake_and_refusal_step_by_step(self):
        site = self.site = self.enterContext(Site(links=2))
        site.start_cluster()
        site.start_tserver()
        site.wait_up()
        with site.application() as application:
            self.assertEqual(exchange(application, b"payload-canary"), b"payload-canary")
        ids = [step["id"] for step in self.steps()]
        for wanted in (24102, 24201, 24207, 24202, 8103):  # list of first use, enrolment, its steps, certificate, session
            self.assertIn(wanted, ids)
        capf = [step["fields"]["step"] for step in self.steps() if step["id"] == 24207]
        self.assertGreater(len(capf), 4, capf)
        site.tell_cluster("fault cti-reject=unknown-ca")
        site.tell_cluster("cti drop")
        site.blamed("CTI_CLIENT_UNKNOWN_CA")
        refusal = [step for step in self.steps() if step["id"] == 8102][-1]
        self.assertEqual(refusal["fields"]["fault"], "CTI_CLIENT_UNKNOWN_CA")
        self.assertRegex(refusal["fields"]["detail"], r"alert unknown_ca \(48\); TLSv1\.\d \S+ had been agreed on")

        site.tell_cluster("clear")
        site.wait_up()
        os.kill(site.link_processes()["link-tls-1"], signal.SIGKILL)

        def up_again():
            ids = [step["id"] for step in self.steps()]
            return 35103 in ids and 8103 in ids[ids.index(35103):]  # died, and up behind it

        wait_for("the next process", up_again)
        everything = json.dumps(self.steps())
        self.assertIn("24202", everything)
        self.assertEqual({step["link"] for step in self.steps()}, {"link-tls-1"})
        for secret in (CODE, PASSPHRASE, "payload-canary"):
            self.assertNotIn(secret, everything)
        self.assertEqual(len(self.steps("link-tls-1", "--last", "3")), 3)
        self.assertEqual(site.ctl("history", "no-such-link")[0], 2)

    def test_a_link_that_tries_again_and_again_keeps_its_enrolment_and_an_enrolment_that_failed_says_how(self):
        site = self.site = self.enterContext(Site())
        site.bring_up(**{"reconnect-min": "100ms", "reconnect-max": "100ms"})
        (site.store / "identities" / site.instance(1) / "attempts.json").unlink()  # one enrolment in 30 seconds
        site.tell_cluster("fault capf-drop=store-request")
        site.arm(1, "654321")
        code, _, errors = site.ctl("link", "enrol", "link-tls-1", "--code-file", "-", given="654321\n")
        self.assertEqual(code, 23, errors)
        failed = [step["fields"]["fault"] for step in self.steps() if step["id"] == 24203]
        self.assertEqual(failed, ["CAPF_CODE_PROBABLY_USED"])
        for command in ("cti down", "cti drop"):
            site.tell_cluster(command)
        last = site.status()["events"]["last"]
        site.wait("many attempts", lambda s: s["events"]["last"] > last + 150, 90)  # more than are kept
        steps = self.steps()
        self.assertIn(24207, [step["id"] for step in steps])
        self.assertGreater(max(step["repeated"] for step in steps), 40)
        self.assertLess(len(steps), 60)
        self.assertEqual(site.ctl("link", "history", "link-tls-1")[0], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
