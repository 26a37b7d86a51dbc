# Promise: what a CTIManager sends behind its own certificate decides nothing: 100 KiB of expired certificates are read and
# ignored (F3, F4), and what is larger than we read ends the handshake with a text that names the limit. An own certificate
# that has expired is taken, with a note, unless tls-server-expiry says otherwise.
# Could break: the library's limit for a chain, its own judgement on chains in place of the list's.
import unittest

from harness import Site, exchange


class Chains(unittest.TestCase):
    def start(self, fault, **more):
        self.site = self.enterContext(Site())
        self.site.start_cluster("--fault", fault)
        self.options = self.site.options()
        self.options["link-tls-1"] |= {name.replace("_", "-"): value for name, value in more.items()}
        self.site.start_tserver(self.options)

    def carries(self):
        link = self.site.wait_up()["links"][0]
        with self.site.application() as application:
            self.assertEqual(exchange(application, b"carried"), b"carried")
        return link

    def test_F3_F4_a_hundred_kib_of_expired_certificates_behind_it_are_read_and_ignored(self):
        self.start("cti-chain=100")
        self.carries()

    def test_F4_a_larger_chain_is_refused_with_the_limit(self):
        self.start("cti-chain=2000")
        link = self.site.wait("refused", lambda s: s["links"][0]["state"] == "waiting" and s["links"][0]["reason"], 60)
        reason = link["links"][0]["reason"]
        self.assertEqual(reason["fault"], "CTI_TLS")
        self.assertRegex(reason["detail"], r"excessive message size; we read up to \d{6,} octets")

    def test_F3_an_expired_certificate_of_the_server_that_is_listed_is_taken_with_a_note(self):
        self.start("cti-server=expired")
        self.assertTrue(any("expired" in note for note in self.carries()["notes"]))

    def test_an_expired_certificate_of_the_server_is_refused_where_the_option_says_so(self):
        self.start("cti-server=expired", tls_server_expiry="refuse")
        self.site.blamed("CTI_SERVER_EXPIRED", 60)
        self.assertTrue(self.site.refused())


if __name__ == "__main__":
    unittest.main(verbosity=2)
