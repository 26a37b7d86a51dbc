# Promise: what ends a session that was up, and what an application does wrong, is called by its own name in the status, the
# log or the notes. The table is printed.
# Could break: a second holder of the identity that burns it, a dead peer called a close, a refusal nobody explains.
import socket
import ssl
import subprocess
import threading
import unittest

from harness import PASSPHRASE, Named, Site, exchange, wait_for


class SessionEnds(unittest.TestCase):
    def setUp(self):
        self.named = Named()

    def start(self, **options):
        self.site = self.enterContext(Site())
        self.site.bring_up(**options)

    def test_a_second_holder_of_the_identity_is_named_and_stops_the_link(self):
        self.start()
        exported = self.site.directory / "copy.p12"
        word = self.site.directory / "word"
        word.touch(mode=0o600)
        word.write_text(PASSPHRASE)
        code, _, errors = self.site.ctl("store", "--config", self.site.config, "export", "link-tls-1", "--with-key",
                                        "--out", exported, "--new-passphrase-file", word)
        self.assertEqual(code, 0, errors)
        pem = self.site.directory / "copy.pem"
        subprocess.run(["openssl", "pkcs12", "-in", exported, "-nodes", "-passin", f"file:{word}", "-out", pem], check=True,
                       capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(pem)
        over = threading.Event()

        def other_machine():
            while not over.wait(0.2):
                try:
                    with socket.create_connection((self.site.slot.address(1), self.site.port("cti-tls")), 2) as raw, \
                            context.wrap_socket(raw) as secured:
                        secured.settimeout(2)
                        secured.recv(1)
                except OSError:
                    pass

        other = threading.Thread(target=other_machine, daemon=True)
        other.start()
        name = self.site.called("CTI_DUPLICATE_INSTANCE")
        over.set()
        other.join()
        self.assertEqual(self.site.link()["state"], "stopped")
        self.named.add("CTI_DUPLICATE_INSTANCE", "the exported identity connects from elsewhere", name, "status")
        self.named.check(self)

    def test_what_ends_a_session_that_was_up(self):
        self.start(**{"user-timeout": "1s"})
        for again in range(3):  # an application that tries again is no second holder of the identity
            with self.site.application() as application:
                self.site.tell_cluster("fault cti-close-after=1")
                since = len(self.site.log())
                application.sendall(b"a first message")
                self.assertEqual(application.recv(100), b"")
            self.site.wait("the end", lambda s: not s["links"][0]["application"]["connected"])
            self.site.wait_up()
        seen = self.site.faults_in_log()
        self.named.add("SESSION_ENDED_EARLY", "fault cti-close-after=1, three times", " ".join(sorted(set(seen))), "log")

        self.site.tell_cluster("clear")
        self.site.wait_up()
        self.site.tell_cluster("fault cti-stall=0")
        since = len(self.site.log())
        with self.site.application() as application:
            application.settimeout(1)
            try:
                while True:
                    application.sendall(bytes(1 << 16))
            except OSError:
                pass
            wait_for("the end in the log", lambda: self.site.faults_in_log(since), 60)
        self.named.add("CTI_DEAD_PEER", "fault cti-stall=0, sent data unacknowledged", self.site.faults_in_log(since)[0], "log")

        self.site.tell_cluster("clear")
        self.site.wait_up()
        since = len(self.site.log())
        self.site.tell_cluster("fault cti-idle=8000")
        self.site.ctl("link", "restart", "link-tls-1")  # counts from the next session on
        self.site.wait("on demand", lambda s: any("on-demand" in n or "CTI_IDLE_CLOSED" in n for n in s["links"][0]["notes"]), 60)
        self.assertTrue(any("CTI_IDLE_CLOSED" in note for note in self.site.link()["notes"]))
        others = [fault for fault in self.site.faults_in_log(since) if fault != "CTI_CLOSED"]
        self.named.add("CTI_IDLE_CLOSED", "fault cti-idle=8000", " ".join(others), "log, notes")
        with self.site.application() as application:
            self.assertEqual(exchange(application, b"on demand"), b"on demand")
        self.named.check(self)

    def test_what_the_application_does_wrong(self):
        self.start()
        since = len(self.site.log())
        with self.site.application(), self.assertRaises(ConnectionResetError):  # as early as in connect(), if it is slow
            with self.site.application() as second:
                second.recv(1)
        wait_for("the second", lambda: self.site.faults_in_log(since))
        self.named.add("APPLICATION_SECOND", "two applications on one link", self.site.faults_in_log(since)[0], "log")
        self.site.wait("left", lambda s: not s["links"][0]["application"]["connected"])
        since = len(self.site.log())
        with self.site.application() as application:
            application.sendall(bytes.fromhex("16030100c8010000c40303") + bytes(64))
            try:
                application.recv(1)
            except ConnectionError:
                pass
        wait_for("the hello", lambda: self.site.faults_in_log(since))
        self.named.add("APPLICATION_SPEAKS_TLS", "a TLS hello on the local port", self.site.faults_in_log(since)[0], "log")
        self.named.check(self)

    def test_an_address_that_does_not_answer(self):
        site = self.site = self.enterContext(Site())
        site.start_cluster()
        with socket.socket() as full, socket.socket() as one, socket.socket() as two:
            full.bind((site.slot.address(9), 0))
            full.listen(0)
            for client in (one, two):  # the queue is full now: the kernel drops what comes
                client.setblocking(False)
                client.connect_ex(full.getsockname())
            options = site.options(tls=False)
            options["link-tls-1"] |= {"hostname": site.slot.address(9), "port": full.getsockname()[1], "connect-timeout": "500ms"}
            site.start_tserver(options)
            self.named.add("CTI_UNREACHABLE", "nobody answers the SYN", self.site.called("CTI_UNREACHABLE"), "status")
        options["link-tls-1"] |= {"hostname": "no-such-host.invalid"}
        site.write(options)
        site.ctl("reload")
        self.named.add("NAME_RESOLUTION", "hostname = no-such-host.invalid", self.site.called("NAME_RESOLUTION"), "status")
        self.named.check(self)


if __name__ == "__main__":
    unittest.main(verbosity=2)
