# Promise: a server that is too old or too weak for the TLS profile of a link is refused in words that name what it has,
# what was offered and the profile to choose; the link works with that profile, and says that it is a weak one for as long
# as it does (F54, F55, F57).
# Could break: the library's own words passed on ("internal error", "ee key too small"), advice that does not help, a weak
# profile that nobody sees.
import json
import unittest

from harness import Site

# What is set at the cluster, the class, and what must be said.
SERVERS = (
    ("fault cti-static-rsa", "CTI_TLS_CIPHER", r"alert handshake_failure \(40\); tls-profile = legacy fits \(TLSv1\.2, AES\S+\)"),
    ("fault cti-tls=1.0", "CTI_TLS_VERSION",
     r"alert protocol_version \(70\); offered were TLSv1\.2 to TLSv1\.3; tls-profile = legacy fits \(TLSv1, \S+\)"),
    ("fault cti-tls=1.1", "CTI_TLS_VERSION",
     r"alert protocol_version \(70\); offered were TLSv1\.2 to TLSv1\.3; tls-profile = legacy fits \(TLSv1\.1, \S+\)"),
    ("fault cti-server=weak", "CERTIFICATE_WEAK",
     r"tls-profile = cluster does not take the certificate CN=cucm-pub\S* \(RSA-1024, sha1WithRSAEncryption\): .*"
     r"tls-profile = legacy takes it"),
)
WEAK = "the weak TLS profile `legacy` is in use"


class OldAndWeak(unittest.TestCase):
    def profile(self, name):
        options = self.site.options()
        options["link-tls-1"]["tls-profile"] = name
        self.site.write(options)
        self.assertEqual(self.site.ctl("reload")[0], 0)

    def doctor_row(self):
        _, out, _ = self.site.ctl("--json", "doctor", "--config", self.site.config)
        return {row["step"]: row for row in json.loads(out)["links"][0]["rows"]}["tls"]

    def test_the_profile_to_choose_is_named_and_works(self):
        self.site = site = self.enterContext(Site())
        site.bring_up()
        for command, fault, words in SERVERS:
            with self.subTest(server=command):
                self.assertTrue(site.tell_cluster(command)["ok"])
                site.tell_cluster("cti drop")
                link = site.blamed(fault)
                self.assertRegex(link["reason"]["detail"], words)
                self.assertNotIn(WEAK, link["notes"])
                row = self.doctor_row()
                self.assertEqual(row["fault"], fault)
                self.assertRegex(row["seen"], words)
                self.profile("legacy")
                up = site.wait_up()["links"][0]
                self.assertEqual((up["profile"], WEAK in up["notes"]), ("legacy", True))
                self.assertIn("24309 weak TLS profile in use link=link-tls-1 profile=legacy", site.log())
                self.assertIn(WEAK, site.ctl("status")[1])
                site.tell_cluster("clear")
                self.profile("cluster")
                site.wait("the strong profile again", lambda s: s["links"][0]["profile"] == "cluster"
                          and s["links"][0]["state"] == "up" and WEAK not in s["links"][0]["notes"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
