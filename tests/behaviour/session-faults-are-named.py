# Promise: whatever goes wrong between a link and its CTIManager is called by its own name, in the status and in the log,
# and by no other name on the way there. The table is printed.
# Could break: an alert mapped to the wrong class, a service that is no TLS called a failed handshake, a guess said aloud.
import unittest

from harness import Named, Site, read_to_end, wait_for


class SessionFaults(unittest.TestCase):
    def setUp(self):
        self.named = Named()

    def provoke(self, fault, *commands, allowed=()):
        """The commands, then the present session ends, and the next attempt fails."""
        self.site.tell_cluster("clear")
        self.site.tell_cluster("cti up")
        self.site.wait_up()
        since = len(self.site.log())
        for command in commands:
            answer = self.site.tell_cluster(command)
            self.assertTrue(answer["ok"], (command, answer))
        self.site.tell_cluster("cti drop")
        name = self.site.called(fault)
        # The end that was provoked to begin with is a CTI_CLOSED of its own.
        others = set(self.site.faults_in_log(since)) - {fault, "CTI_CLOSED", *allowed}
        self.named.add(fault, "; ".join(commands), name if not others else f"{name} and {sorted(others)}", "status, log")

    def start(self, **options):
        self.site = self.enterContext(Site())
        self.site.bring_up(**options)

    def test_what_answers_and_how_the_handshake_ends(self):
        self.start(**{"handshake-timeout": "700ms", "tls-server-expiry": "refuse"})
        self.provoke("CTI_REFUSED", "cti down")
        self.provoke("CTI_NOT_TLS", "fault cti-banner=http")
        self.provoke("CTI_NOT_TLS", "fault cti-banner=ssh")
        self.provoke("CTI_NOT_TLS", "fault cti-plain")
        self.provoke("CTI_SILENT", "fault cti-silent")
        self.provoke("CTI_CLOSED", "fault cti-accept-close")
        self.provoke("CTI_CLOSED", "fault cti-accept-reset")
        self.provoke("CTI_TLS_VERSION", "fault cti-tls=1.0")
        self.provoke("CTI_TLS_VERSION", "fault cti-tls=1.1")
        self.provoke("CTI_TLS_CIPHER", "fault cti-static-rsa")
        self.provoke("CTI_SERVER_EXPIRED", "fault cti-server=expired", allowed={"CTL_STALE"})
        self.named.check(self)

    def test_what_the_server_thinks_of_our_certificate(self):
        for version in ("1.2", "1.3"):
            with self.subTest(version=version):
                self.start()
                only = f"fault cti-tls={version}"
                self.provoke("CTI_CLIENT_UNKNOWN_CA", only, "fault cti-reject=unknown-ca")
                self.provoke("CTI_CLIENT_EXPIRED", only, "fault cti-reject=certificate-expired")
                for alert in ("bad-certificate", "certificate-revoked", "certificate-unknown", "unsupported-certificate",
                              "handshake-failure"):
                    self.provoke("CTI_CLIENT_REJECTED", only, f"fault cti-reject={alert}")
                self.site.tserver.end()
                self.site.cluster.end()
        self.named.check(self)

    def test_what_the_server_sends_that_is_too_long(self):
        self.start()
        self.provoke("CTI_TLS", "fault cti-chain=2000")
        for version in ("1.2", "1.3"):
            self.provoke("TLS_PEER_CA_LIST", f"fault cti-tls={version}", "fault cti-ca-list=too-long")
        self.named.check(self)

    def test_a_server_that_asks_for_a_renegotiation(self):
        """Refused, named, and the application is told (F58)."""
        self.start()
        self.site.tell_cluster("fault cti-tls=1.2")
        self.site.tell_cluster("cti drop")
        self.site.wait("TLS 1.2", lambda s: s["links"][0]["state"] == "up" and s["links"][0]["tls_version"] == "TLSv1.2")
        self.site.tell_cluster("fault cti-renegotiate@1")
        since = len(self.site.log())
        with self.site.application() as application:
            application.settimeout(10)
            application.sendall(b"a first message")
            with self.assertRaises(ConnectionResetError):
                read_to_end(application)
        wait_for("the end in the log", lambda: self.site.faults_in_log(since))
        self.named.add("CTI_RENEGOTIATION", "fault cti-renegotiate", " ".join(set(self.site.faults_in_log(since))), "log")
        self.site.wait_up()
        self.named.check(self)

    def test_a_certificate_that_is_too_weak(self):
        self.start()
        # It is in the list; the one that was fetched a moment ago still counts as the cluster's for two seconds.
        self.provoke("CERTIFICATE_WEAK", "fault cti-server=weak", allowed={"CTL_STALE", "CTL_NOT_UPDATED"})
        self.named.check(self)

    def test_which_list_knows_the_server(self):
        self.start()
        self.provoke("CTL_NOT_UPDATED", "fault cti-server=unlisted")
        # The list that was fetched a moment ago, for the case before, still counts as the cluster's for two seconds.
        self.provoke("CTI_SERVER_UNTRUSTED", "fault cti-server=unlisted", "fault tftp-down",
                     allowed={"TFTP_UNREACHABLE", "CTL_NOT_UPDATED"})
        self.site.tell_cluster("clear")
        self.site.wait_up()
        # A new certificate in a list that is signed by nobody we know.
        self.provoke("CTL_STALE", "list new-signer", "list renew", allowed={"CTL_SIG_UNTRUSTED"})
        self.named.check(self)

    def test_a_link_in_clear(self):
        """It has no certificate, so nobody can hold the same one, and the port may be the wrong one."""
        site = self.site = self.enterContext(Site())
        site.start_cluster("--fault", "cti-accept-close")
        site.start_tserver(site.options(tls=False))
        link = site.wait("waits", lambda s: s["links"][0]["state"] in ("waiting", "stopped"))["links"][0]
        self.named.add("CTI_CLOSED", "fault cti-accept-close, a link in clear", link["reason"]["fault"], "status")
        self.assertEqual(set(site.faults_in_log()), {"CTI_CLOSED"})
        site.tell_cluster("clear")
        options = site.options(tls=False)
        options["link-tls-1"]["port"] = site.port("cti-tls")
        site.write(options)
        self.assertEqual(site.ctl("reload")[0], 0)
        site.wait_up("plain")
        since = len(site.log())
        with site.application() as application:
            application.sendall(b"a first message in clear")
            read_to_end(application)
        wait_for("the end in the log", lambda: site.faults_in_log(since))
        self.named.add("CTI_SPEAKS_TLS", "port = 2749 and a TLS option missing", site.faults_in_log(since)[0], "log")
        self.named.check(self)


if __name__ == "__main__":
    unittest.main(verbosity=2)
