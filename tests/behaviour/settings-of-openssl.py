# Promise: whatever the settings of OpenSSL on the host say (openssl.cnf, OPENSSL_CONF), nothing crashes and the TLS profile
# of a link is what counts; the doctor says what is in force and where the settings come from, and `config check` when a
# profile cannot work with them (F54, F56).
# Could break: a policy of the distribution that takes away a version or a suite in silence, a file that is missing.
import json
import os
import subprocess
import unittest
import unittest.mock

from harness import Site

POLICY = """openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = policy
[policy]
MinProtocol = TLSv1.3
Protocol = -TLSv1.2
CipherString = @SECLEVEL=5
Groups = X448
SignatureAlgorithms = ed25519
Options = -SessionTicket, UnsafeLegacyRenegotiation
"""
WRONG_MODULE = "openssl_conf = init\nconfig_diagnostics = 1\n[init]\nssl_conf = nowhere\n"
NO_CIPHERS = "openssl_conf = init\n[init]\nalg_section = all\n[all]\ndefault_properties = fips=yes\n"


class Settings(unittest.TestCase):
    def doctor_says(self):
        _, out, _ = self.site.ctl("--json", "doctor", "--config", self.site.config)
        return json.loads(out)["links"][0]["rows"][0]["seen"]

    def kinds(self):
        """Name, path, and what the doctor says of it."""
        folder = self.site.directory / "settings"
        folder.mkdir()
        for name, text in (("policy", POLICY), ("wrong-module", WRONG_MODULE), ("broken", "openssl_conf = init\n[init\n")):
            (folder / name).write_text(text)
        yield "policy", folder / "policy", ""
        yield "wrong module", folder / "wrong-module", ""
        yield "broken", folder / "broken", ", which is wrong in line 2 and ignored"
        yield "missing", folder / "missing", ", which is missing"
        yield "a directory", folder, ", which is a directory and ignored"

    def test_the_profile_counts_whatever_the_settings_say(self):
        self.site = site = self.enterContext(Site())
        site.bring_up()
        self.assertTrue(self.plain_client_gets_through(""))
        self.assertFalse(self.plain_client_gets_through(POLICY), "the policy is one that a client feels")
        site.stop_tserver()
        self.assertTrue(site.tell_cluster("fault cti-tls=1.2")["ok"])
        for name, path, words in self.kinds():
            with self.subTest(settings=name), unittest.mock.patch.dict(os.environ, OPENSSL_CONF=str(path)):
                site.tserver.end()
                site.start_tserver()
                link = site.wait_up()["links"][0]
                self.assertEqual((link["tls_version"], link["restarts"]), ("TLSv1.2", 0))
                self.assertIn(f"profile cluster, instance ID cti01; TLSv1.2 to TLSv1.3, 10 suites, security level 1; "
                              f"OpenSSL settings {path}{words}", self.doctor_says())
                self.assertEqual(site.ctl("config", "check", site.config)[0], 0)
                self.assertEqual(site.stop_tserver(), 0)
                self.assertNotIn("link process died", site.log())

    def plain_client_gets_through(self, policy):
        """With OpenSSL's own client, which follows the settings."""
        path = self.site.directory / "felt.cnf"
        path.write_text(policy)
        done = subprocess.run(["openssl", "s_client", "-tls1_2", "-connect",
                               f"{self.site.slot.address(1)}:{self.site.port('cti-tls')}"], input=b"", capture_output=True,
                              env=os.environ | {"OPENSSL_CONF": str(path)}, timeout=30)
        return b"BEGIN CERTIFICATE" in done.stdout

    def test_a_profile_that_cannot_work_is_warned_of(self):
        self.site = site = self.enterContext(Site())
        site.start_cluster()
        site.write(site.options())
        path = site.directory / "openssl.cnf"
        path.write_text(NO_CIPHERS)
        self.assertEqual(site.ctl("config", "check", site.config)[0], 0)
        with unittest.mock.patch.dict(os.environ, OPENSSL_CONF=str(path)):
            code, out, _ = site.ctl("config", "check", site.config)
            self.assertEqual(code, 1)
            self.assertRegex(out, r"warning: .*tls-profile = cluster of link-tls-1: it cannot work here: .*library has no ciphers")
            self.assertIn(f"remedy: look at the settings of OpenSSL ({path})", out)
            self.assertIn("library has no ciphers", self.doctor_says())


if __name__ == "__main__":
    unittest.main(verbosity=2)
