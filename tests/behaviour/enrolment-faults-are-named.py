# Promise: whatever keeps a link from its certificate is called by its own name, and a class that waits for the operator
# stops the link. The table is printed.
# Could break: an END_SESSION reason mapped wrongly, a code tried twice, a lost connection that costs a code unsaid.
import re
import shutil
import unittest

from harness import CODE, Named, Site, wait_for


class EnrolmentFaults(unittest.TestCase):
    def setUp(self):
        self.named = Named()
        self.site = self.enterContext(Site())

    def enrol(self, fault, menu="", profile=f"code={CODE}", state=None, before=(), **options):
        """A link with an empty store meets CAPF."""
        site = self.site
        shutil.rmtree(site.store)
        site.store.mkdir(mode=0o700)
        site.tell_cluster("clear")
        self.assertTrue(site.tell_cluster(f"profile user=cti,instance={site.instance(1)},{profile}")["ok"])
        if menu:
            answer = site.tell_cluster(menu)
            self.assertTrue(answer["ok"], answer)
        settings = site.options()
        settings["link-tls-1"] |= options
        settings["link-tls-1"] = {name: value for name, value in settings["link-tls-1"].items() if value is not None}
        since = len(site.log()) if (site.directory / "tserver.log").exists() else 0
        site.start_tserver(settings)

        def alarms():
            """What the link itself has named; the next attempt may come, and be put off, at once."""
            return re.findall(r"Alr (?:24203|24303|8102) [^\n]*?fault=([A-Z_]+)", site.log()[since:])

        try:
            wait_for(fault, lambda: fault in alarms(), 40)
        finally:
            others = [name for name in alarms() if name not in (fault, "ENROL_TOO_OFTEN", *before)]
            self.named.add(fault, menu or str(options or profile), " ".join([fault, *others]), "log")
        if state:
            site.wait(state, lambda s: s["links"][0]["state"] == state)
        site.stop_tserver()

    def test_before_the_key_has_gone_out(self):
        self.site.start_cluster()
        self.enrol("CAPF_UNREACHABLE", "fault capf-down")
        self.enrol("CAPF_TLS_UNTRUSTED", "fault capf-untrusted")
        self.enrol("CAPF_TLS_CIPHER", "fault capf-tls=1.0")
        self.enrol("CAPF_COMM", "fault capf-drop=auth-request")
        self.enrol("CAPF_COMM", "fault capf-reset=key-request")
        self.enrol("CAPF_STALLED", "fault capf-hang=auth-request", **{"tls-enrol-timeout": "10s"})
        self.enrol("CAPF_PROTOCOL", "fault capf-garbage=auth-request")
        self.enrol("CAPF_PROTOCOL", "fault capf-plain")
        self.enrol("CAPF_EC_ONLY", "fault capf-ec-request", state="stopped")
        self.enrol("CAPF_KEY_SIZE", "fault capf-key-size=1024", state="stopped")
        self.enrol("CTL_NO_CAPF", "fault list-no-capf")
        self.named.check(self)

    def test_what_capf_answers_to_the_code(self):
        self.site.start_cluster()
        self.enrol("CAPF_AUTH_CODE", profile="code=999999", state="stopped")
        self.enrol("CAPF_NO_PROFILE", menu=f"unprofile {self.site.instance(1)}", state="stopped")
        self.enrol("CAPF_NO_PENDING_OP", profile=f"code={CODE},operation=none", state="stopped")
        self.enrol("CAPF_DELETE", profile=f"code={CODE},operation=delete", state="stopped")
        self.enrol("CODE_MISSING", **{"tls-auth-code": None}, state="stopped")
        self.named.check(self)

    def test_after_the_key_has_gone_out(self):
        self.site.start_cluster()
        self.enrol("CAPF_CODE_PROBABLY_USED", "fault capf-drop=store-request", state="stopped")
        self.enrol("ISSUED_CERT_WRONG", "fault capf-foreign-key", state="stopped")
        self.enrol("ISSUED_CERT_WRONG", "fault capf-wrong-issuer", state="stopped")
        self.enrol("ISSUED_CERT_WRONG", "fault capf-expired-certificate", state="stopped")
        self.enrol("ISSUED_CERT_WRONG", "fault capf-no-client-usage", state="stopped")
        self.named.check(self)

    def test_attempts_that_come_too_often(self):
        self.site.start_cluster()
        self.enrol("ENROL_TOO_OFTEN", "fault capf-drop=auth-request", before=("CAPF_COMM",))
        self.named.check(self)


if __name__ == "__main__":
    unittest.main(verbosity=2)
