# Promise: a link with one mandatory TLS option missing carries its traffic in clear to 2748, and says so in the status,
# in a note that names the option, in the log and in `config check`; with tls-required it stays down instead.
# Could break: a link that goes in clear and looks like a secure one, a check that does not say which option.
import unittest

from harness import Site, exchange

MANDATORY = ["password", "tls-cert-path", "tls-capf-host", "tls-capf-port", "tls-tftp-host", "tls-tftp-port"]


class TlsOff(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site())
        self.site.start_cluster()

    def without(self, option):
        options = self.site.options()
        section = "link-tls-1" if option in options["link-tls-1"] else "link-tls"
        del options[section][option]
        options["link-tls-1"]["port"] = self.site.port("cti")
        return options

    def test_one_option_removed_means_clear_and_is_said_everywhere(self):
        self.site.start_tserver(self.without("tls-capf-host"))
        link = self.site.wait_up("plain")["links"][0]
        self.assertFalse(link["tls"])
        self.assertIsNone(link["tls_version"])
        self.assertTrue([note for note in link["notes"] if "in clear" in note and "tls-capf-host" in note],
                        link["notes"])
        with self.site.application() as application:
            self.assertEqual(exchange(application, b"readable"), b"readable")
            self.assertEqual([c["tls"] for c in self.site.tell_cluster("status")["connections"]], [False])
        self.assertRegex(self.site.log(), r"Alr 24302 TLS is off for this link link=link-tls-1 missing=tls-capf-host")
        self.assertIn("IN CLEAR", self.site.log())
        counts = self.site.counts()
        self.assertEqual((counts["tftp_requests"], counts["capf_connections"]), (0, 0))
        self.assertEqual(self.site.ctl("status")[0], 0)

    def test_the_check_of_the_file_names_each_option_that_is_missing(self):
        for option in [*MANDATORY, "tls-instance-id"]:
            with self.subTest(option):
                self.site.write(self.without(option))
                code, out, errors = self.site.ctl("config", "check", self.site.config)
                self.assertEqual(code, 1, out + errors)
                self.assertIn(option, out + errors)

    def test_the_port_is_2748_unless_it_is_set(self):
        options = self.without("tls-capf-host")
        del options["link-tls-1"]["port"]
        self.site.start_tserver(options)
        link = self.site.wait("refused", lambda s: s["links"][0]["reason"])["links"][0]
        self.assertTrue(link["ctimanager"].endswith(":2748"), link["ctimanager"])
        self.assertEqual(link["reason"]["fault"], "CTI_REFUSED")

    def test_with_tls_required_the_link_stays_down(self):
        options = self.without("tls-capf-host")
        options["link-tls-1"]["tls-required"] = "true"
        self.site.start_tserver(options)
        link = self.site.wait("disabled with its reason", lambda s: s["links"][0]["state"] == "disabled" and
                              s["links"][0]["reason"])["links"][0]
        self.assertEqual(link["reason"]["fault"], "CONFIG_INCOMPLETE")
        self.assertIn("tls-capf-host", link["reason"]["detail"])
        self.assertTrue(self.site.refused())
        self.assertEqual(self.site.counts()["cti_accepted"], 0)
        self.assertEqual(self.site.ctl("status")[0], 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
