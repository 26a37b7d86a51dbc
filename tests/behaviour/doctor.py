# Promise: the doctor names the step that is broken and what to do, in less than 15 s for three links, finds nothing wrong
# with what is healthy, and changes nothing: no code is used, no file of the store is touched, no running session ends.
# Could break: a second session of one identity (the cluster drops both), a step that waits for ever, a false alarm.
import hashlib
import json
import ssl
import time
import unittest

from harness import Site, exchange, wait_for

STEPS = ["configuration", "names", "clock", "tftp", "list", "capf", "store", "tls", "session"]


class Doctor(unittest.TestCase):
    def begin(self, links=1, **options):
        self.site = self.enterContext(Site(links))
        self.site.bring_up(**options)

    def doctor(self, *arguments):
        """Exit code, and the rows of each link by step."""
        begun = time.monotonic()
        code, out, errors = self.site.ctl("--json", "doctor", "--config", self.site.config, *arguments)
        self.took = time.monotonic() - begun
        links = json.loads(out)["links"]
        for link in links:
            self.assertEqual([row["step"] for row in link["rows"]], STEPS, errors)
        return code, [{row["step"]: row for row in link["rows"]} for link in links]

    def faults(self, rows):
        return {step: row["fault"] for step, row in rows.items() if row["verdict"] == "FAIL"}

    def store_content(self):
        """Every file but the locks: their holder is noted in them."""
        return {str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
                for path in self.site.store.rglob("*") if path.is_file() and path.name != "lock"}

    def test_three_healthy_links_pass_every_step_and_feel_nothing(self):
        self.begin(links=3)
        before, counts, content = self.site.status()["links"], self.site.counts(), self.store_content()
        with self.site.application() as application:
            for _ in range(3):
                code, links = self.doctor()
                self.assertEqual([{row["verdict"] for row in rows.values()} for rows in links], [{"PASS"}] * 3, links)
                self.assertEqual(code, 0)
                self.assertLess(self.took, 15)
            self.assertEqual(exchange(application, b"still here"), b"still here")
            after = self.site.counts()  # its leaving opens a session anew
        self.assertEqual(after["cti_collisions"], 0)
        self.assertEqual((after["cti_sessions"], after["capf_sessions"]), (counts["cti_sessions"], counts["capf_sessions"]))
        self.assertEqual([link["since"] for link in self.site.status()["links"]], [link["since"] for link in before])
        self.assertEqual(self.store_content(), content)

    def test_without_tserver_the_identity_is_tried_under_its_lock(self):
        self.begin()
        self.site.stop_tserver()
        content = self.store_content()
        code, (rows,) = self.doctor()
        self.assertEqual((code, rows["session"]["verdict"]), (0, "PASS"), rows)
        self.assertIn("took our certificate", rows["session"]["seen"])
        self.site.tell_cluster("fault cti-reject=unknown-ca")
        code, (rows,) = self.doctor()
        self.assertEqual((code, self.faults(rows)), (53, {"session": "CTI_CLIENT_UNKNOWN_CA"}))
        self.assertIn("unknown_ca", rows["session"]["seen"])
        self.assertEqual(self.store_content(), content)

    def test_each_broken_step_is_named(self):
        self.begin()
        self.site.stop_tserver()
        for menu, faults in (("fault tftp-down", {"tftp": "TFTP_UNREACHABLE"}),
                             ("fault list-none", {"tftp": "CTL_NOT_FOUND"}),
                             ("fault list-truncated", {"list": "CTL_FORMAT"}),
                             ("fault list-bad-signature", {"list": "CTL_SIG_INVALID"}),
                             ("fault capf-down", {"capf": "CAPF_UNREACHABLE"}),
                             ("fault capf-untrusted", {"capf": "CAPF_TLS_UNTRUSTED"}),
                             ("fault cti-server=unlisted", {"tls": "CTL_NOT_UPDATED"}),
                             ("fault cti-banner=http", {"tls": "CTI_NOT_TLS"}),
                             ("fault cti-tls=1.0", {"tls": "CTI_TLS_VERSION"}),
                             ("fault cti-static-rsa", {"tls": "CTI_TLS_CIPHER"}),
                             ("cti down", {"tls": "CTI_REFUSED"})):
            with self.subTest(menu=menu):
                self.assertTrue(self.site.tell_cluster(menu)["ok"])
                if "unlisted" in menu:  # the simulator makes a key before it first answers with that certificate
                    ssl.get_server_certificate((self.site.slot.address(1), self.site.port("cti-tls")), timeout=60)
                code, (rows,) = self.doctor()
                self.assertEqual(self.faults(rows), faults, rows)
                self.assertNotEqual(code, 0)
                self.site.tell_cluster("clear")
                self.site.tell_cluster("cti up")
        options = self.site.options()
        options["link-tls"]["password"] = "another"
        self.site.write(options)
        self.assertEqual(self.faults(self.doctor()[1][0]), {"store": "STORE_PASSPHRASE"})

    def test_a_new_server_certificate_in_a_list_of_an_unknown_signer_is_told_from_one_in_no_list(self):
        self.begin()
        self.site.stop_tserver()
        self.site.tell_cluster("list new-signer")
        self.site.tell_cluster("list renew")
        _, (rows,) = self.doctor()
        self.assertEqual(self.faults(rows), {"list": "CTL_SIG_UNTRUSTED", "tls": "CTL_STALE"})

    def test_silence_everywhere_takes_less_than_15_seconds_for_three_links(self):
        self.begin(links=3)
        self.site.stop_tserver()
        for menu in ("fault tftp-silent", "fault capf-hang=tls", "fault cti-silent"):
            self.assertTrue(self.site.tell_cluster(menu)["ok"])
        code, links = self.doctor()
        self.assertLess(self.took, 15)
        for rows in links:
            self.assertEqual(self.faults(rows), {"tftp": "TFTP_UNREACHABLE", "capf": "CAPF_STALLED", "tls": "CTI_SILENT"})
        self.assertEqual(code, 10)

    def test_a_link_in_clear_that_meets_the_tls_port(self):
        site = self.site = self.enterContext(Site())
        site.start_cluster()
        options = site.options(tls=False)
        site.write(options)
        _, (rows,) = self.doctor()
        self.assertEqual(self.faults(rows), {})
        options["link-tls-1"]["port"] = site.port("cti-tls")
        site.write(options)
        code, (rows,) = self.doctor()
        self.assertEqual((code, self.faults(rows)), (51, {"session": "CTI_SPEAKS_TLS"}))

    def test_what_a_port_offers_and_which_profile_fits(self):
        self.begin()
        port = f"{self.site.slot.address(1)}:{self.site.port('cti-tls')}"
        code, out, _ = self.site.ctl("--json", "doctor", "--tls", port)
        seen = json.loads(out)
        self.assertEqual((code, seen["profile"], seen["complete"]), (0, "modern", True))
        self.assertIn({"version": "TLSv1.2", "suite": "AES128-SHA"}, seen["suites"])
        self.assertEqual({each["version"] for each in seen["suites"]}, {"TLSv1.2", "TLSv1.3"})
        self.assertRegex(seen["certificates"][0]["subject"], "CN=cucm-pub")
        self.site.tell_cluster("fault cti-static-rsa")
        code, out, _ = self.site.ctl("--json", "doctor", "--tls", port)
        self.assertEqual((code, json.loads(out)["profile"]), (0, "legacy"))
        self.assertEqual(self.site.link()["state"], "up")

    def test_wrong_ends_are_told_apart(self):
        site = self.site = self.enterContext(Site())
        site.start_cluster()
        tls = f"{site.slot.address(1)}:{site.port('cti-tls')}"
        for menu, fault, seen in (("fault cti-banner=http", "CTI_NOT_TLS", "an HTTP server answers"),
                                  ("fault cti-banner=ssh", "CTI_NOT_TLS", "an SSH server answers"),
                                  ("fault cti-plain", "CTI_NOT_TLS", "our own TLS hello comes back"),
                                  ("fault cti-silent", "CTI_SILENT", "not finished within"),
                                  ("fault cti-accept-close", "CTI_CLOSED", "closed without a word"),
                                  ("cti down", "CTI_REFUSED", "refused")):
            with self.subTest(menu=menu):
                site.tell_cluster("clear")
                self.assertTrue(site.tell_cluster(menu)["ok"])
                code, out, _ = site.ctl("--json", "doctor", "--tls", tls)
                error = json.loads(out)["error"]
                self.assertEqual(error["fault"], fault)
                self.assertIn(seen, error["detail"])
                self.assertNotEqual(code, 0)

    def test_the_first_failure_to_come_up_is_examined_once_and_logged(self):
        site = self.site = self.enterContext(Site())
        site.start_cluster("--fault", "capf-untrusted")
        site.start_tserver()
        wait_for("the last row", lambda: "step=session" in site.log())
        self.assertRegex(site.log(), "24402 doctor found a fault link=link-tls-1 step=capf fault=CAPF_TLS_UNTRUSTED ")
        self.assertRegex(site.log(), "24401 doctor link=link-tls-1 step=list verdict=PASS ")
        site.wait("the next attempt", lambda s: s["links"][0]["reason"]["fault"] == "ENROL_TOO_OFTEN")
        self.assertEqual(site.log().count("step=session"), 1)
        self.assertEqual(site.counts()["capf_sessions"], 0)

    def test_a_refused_configuration_is_the_first_row(self):
        site = self.site = self.enterContext(Site())
        site.config.write_text("[TServer]\nlink-1-name = a\ncolour = red\n[a]\nhostname = x\n")
        code, out, _ = site.ctl("--json", "doctor", "--config", site.config)
        self.assertEqual((code, json.loads(out)["configuration"]["fault"]), (2, "CONFIG_UNKNOWN"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
