# Promise: the first list is taken as it comes and shown as unverified, in status and log, until the operator has confirmed
# it; that lasts over restarts. With tls-ctl-fingerprint the first list has to fit, or nothing is connected to.
# Could break: a confirmation that lives in memory only, a pin that is looked at after the session is open.
import json
import unittest

from harness import Site


class FirstUse(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site())
        self.site.start_cluster()

    def held_signer(self):
        """SHA-256 of the certificate that signed the held list, as `trust show` finds it in the file."""
        newest = sorted((self.site.store / "trust").glob("*/ctl.tlv"))[-1]
        code, out, errors = self.site.ctl("--json", "trust", "show", newest)
        self.assertEqual(code, 0, errors)
        shown = json.loads(out)
        return next(record["sha256"] for record in shown["records"] if record["serial"] == shown["signer"]["serial"]
                    and "SAST" in " ".join(record["roles"]))

    def test_shown_as_unverified_until_it_is_confirmed(self):
        self.site.start_tserver()
        self.assertIs(self.site.wait_up()["links"][0]["trust"]["unverified"], True)
        self.assertRegex(self.site.log(), r" 24102 .*link=link-tls-1")
        self.assertEqual(self.site.stop_tserver(), 0)
        self.site.start_tserver()
        self.assertIs(self.site.wait_up()["links"][0]["trust"]["unverified"], True)
        code, _, errors = self.site.ctl("trust", "confirm", "link-tls-1")
        self.assertEqual(code, 0, errors)
        self.assertIs(self.site.link()["trust"]["unverified"], False)
        self.assertEqual(self.site.stop_tserver(), 0)
        self.site.start_tserver()
        self.assertIs(self.site.wait_up()["links"][0]["trust"]["unverified"], False)

    def test_the_pin_of_its_signer_confirms_it_and_another_pin_stops_the_link(self):
        options = self.site.options()
        options["link-tls"]["tls-ctl-fingerprint"] = "ab" * 32
        self.site.start_tserver(options)
        link = self.site.wait("stopped", lambda s: s["links"][0]["state"] == "stopped", 60)["links"][0]
        self.assertEqual(link["reason"]["fault"], "CTL_PIN_MISMATCH")
        self.assertEqual(self.site.counts()["cti_accepted"], 0)
        self.assertEqual(self.site.counts()["capf_sessions"], 0)
        self.assertEqual(self.site.stop_tserver(), 0)

        del options["link-tls"]["tls-ctl-fingerprint"]
        self.site.start_tserver(options)
        self.site.wait_up()
        options["link-tls"]["tls-ctl-fingerprint"] = self.held_signer()
        self.site.write(options)
        self.assertEqual(self.site.ctl("reload")[0], 0)
        self.assertEqual(self.site.ctl("trust", "refresh", "link-tls-1")[0], 0)
        self.site.wait("verified by the pin", lambda s: s["links"][0]["trust"]["unverified"] is False)


if __name__ == "__main__":
    unittest.main(verbosity=2)
