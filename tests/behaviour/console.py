# Promise: tserver-console shows what is true now over HTTP (status, readiness, metrics, events), changes nothing, has no
# privileges, and outlives tserver: it says that tserver is gone and goes on when it is back. The end of a certificate stays
# in the metrics when it is over and when the cluster is gone (F92). A port that is taken stops no link: the status has a
# notice, `status --check` fails, and the console serves as soon as the port is free (F100).
# Could break: a cached answer that is told as one of now, a metric that vanishes with its link, a stream that stays silent
# after a new start, a sandbox that keeps the console from reaching the control socket again.
import http.client
import json
import os
import pathlib
import re
import socket
import unittest

from harness import PROGRAMS, Clock, Site, wait_for

EXPIRY = r'(?m)^tserver_client_certificate_not_after_seconds\{link="link-tls-1"\} [\d.e+]+$'


class Console(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site(links=1))
        self.site.start_cluster()
        self.address = (self.site.slot.address(60), 9748)
        self.environment = {}

    def start_console(self):
        self.run_console()
        self.console.line("http://")

    def run_console(self):
        self.console = self.site.run([PROGRAMS / "tserver-console", "--control", self.site.control, "--listen",
                                      "{}:{}".format(*self.address)], "console.log", os.environ | self.environment)

    def get(self, path, method="GET"):
        connection = http.client.HTTPConnection(*self.address, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def becomes(self, path, status):
        return wait_for(f"{path} is {status}", lambda: (lambda a: a[0] == status and a)(self.get(path)), 30)

    def test_shows_the_facts_of_now_and_changes_nothing(self):
        self.site.start_tserver(self.site.options(tls=False))
        self.site.wait_up("plain")
        self.start_console()
        status = json.loads(self.get("/api/v1/status")[1])
        self.assertEqual([(l["name"], l["state"]) for l in status["links"]], [("link-tls-1", "plain")])
        self.assertEqual(self.get("/ready")[0], 200)
        self.site.ctl("link", "stop", "link-tls-1")
        self.assertIn('"link-tls-1":"stopped"', self.becomes("/ready", 503)[1])
        self.assertEqual(self.get("/health")[0], 200)
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            self.assertEqual(self.get("/api/v1/status", method)[0], 405, method)

    def test_metrics_keep_the_end_of_the_certificate_while_link_and_tserver_are_down(self):
        self.site.start_tserver()
        self.site.wait_up()
        self.start_console()
        text = self.get("/metrics")[1]
        self.assertIn('tserver_link_up{link="link-tls-1"} 1\n', text)
        expiry = re.search(EXPIRY, text)[0]
        self.site.ctl("link", "stop", "link-tls-1")
        text = wait_for("the link is down in the metrics",
                        lambda: (lambda t: 'tserver_link_up{link="link-tls-1"} 0\n' in t and t)(self.get("/metrics")[1]))
        self.assertIn(expiry, text)
        self.site.stop_tserver()
        self.assertIn("DAEMON_UNREACHABLE", self.becomes("/health", 503)[1])
        text = self.get("/metrics")[1]
        self.assertIn("tserver_up 0\n", text)
        self.assertIn(expiry, text)
        self.site.start_tserver()
        self.site.wait_up()
        self.becomes("/ready", 200)

    def end_of_certificate(self, valid):
        """The line with the end, from a console that has seen nothing before; what is valid and what is not is right."""
        self.start_console()
        text = wait_for("the certificate in the metrics",
                        lambda: (lambda t: re.search(EXPIRY, t) and t)(self.get("/metrics")[1]))
        self.assertIn(f'tserver_client_certificate_valid{{link="link-tls-1"}} {valid}\n', text)
        listed = re.findall(r"(?m)^tserver_trust_certificate_not_after_seconds{(.*)} \S+$", text)
        self.assertTrue(listed)
        self.assertEqual(re.findall(r"(?m)^tserver_trust_certificate_valid{(.*)} [01]$", text), listed)
        self.console.end()
        return re.search(EXPIRY, text)[0]

    def test_F92_the_end_of_a_certificate_stays_without_the_cluster_and_after_it_is_over(self):
        self.site.start_tserver()
        self.site.wait_up()
        before = self.end_of_certificate(valid=1)
        self.site.stop_tserver()
        self.site.cluster.end()  # neither TFTP nor CAPF answers
        self.site.start_tserver()
        self.site.wait("the link waits", lambda s: s["links"][0]["state"] == "waiting")
        self.assertEqual(self.end_of_certificate(valid=1), before)
        if not Clock.library.exists():
            return
        self.site.stop_tserver()
        clock = Clock(self.site.directory)
        clock.set(days=20000)
        self.environment = clock.environment
        self.site.start_tserver(**clock.environment)
        self.assertEqual(self.site.called("IDENTITY_EXPIRED"), "IDENTITY_EXPIRED")
        self.assertEqual(self.end_of_certificate(valid=0), before)

    def test_a_stream_begins_with_a_snapshot_tells_events_and_survives_a_new_tserver(self):
        self.site.start_tserver(self.site.options(tls=False))
        self.site.wait_up("plain")
        self.start_console()
        stream = self.enterContext(socket.create_connection(self.address, timeout=5))
        stream.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stream.setblocking(False)
        text = ""

        def read(pattern):
            nonlocal text
            try:
                text += stream.recv(1 << 16).decode()
            except BlockingIOError:
                pass
            return re.search(pattern, text)

        first = wait_for("the snapshot", lambda: read(r'id: (\w+):\d+\nevent: snapshot\ndata: {"version"'))[1]
        self.site.ctl("link", "stop", "link-tls-1")
        wait_for("the stop", lambda: read(r'event: event\ndata: {[^\n]*"id":35102,'))
        self.site.stop_tserver()
        wait_for("the loss", lambda: read(r'event: lost\ndata: {"fault":"DAEMON_UNREACHABLE"'))
        self.site.start_tserver()
        wait_for("a snapshot of another run", lambda: read(rf"id: (?!{first})\w+:\d+\nevent: snapshot"), 40)

    def test_F100_a_taken_port_stops_no_link_is_noted_and_waited_for(self):
        with socket.create_server(self.address):
            self.run_console()
            wait_for("the console says so", lambda: "PORT_IN_USE" in self.console.log.read_text())
            self.site.start_tserver(self.site.options(tls=False))
            self.site.wait_up("plain")
            status = self.site.wait("the note", lambda s: s["notes"], 15)
            self.assertRegex(status["notes"][0], r"tserver-console cannot serve http://127\.\S+:9748: PORT_IN_USE: ")
            code, out, _ = self.site.ctl("status", "--check")
            self.assertEqual((code, out.count("\n")), (1, 1), out)
            self.assertIn("tserver-console cannot serve", out)
            code, out, _ = self.site.ctl("status")
            self.assertEqual((code, out.count("! tserver: tserver-console cannot serve")), (0, 1), out)
            self.assertIn("Alr 24009", self.site.log())
            self.assertIsNone(self.console.process.poll())
        self.console.line("http://", within=10)
        self.site.wait("no note", lambda s: not s["notes"], 5)
        self.assertEqual(self.site.ctl("status", "--check")[:2], (0, "1 link, all well\n"))
        self.assertIn("Std 24010", self.site.log())
        self.assertEqual(self.get("/ready")[0], 200)

    def test_F100_a_note_goes_with_the_console_that_gave_it(self):
        self.site.start_tserver(self.site.options(tls=False))
        self.site.wait_up("plain")
        with socket.create_server(self.address):
            self.run_console()
            self.site.wait("the note", lambda s: s["notes"], 15)
            self.console.end()
            self.site.wait("no note", lambda s: not s["notes"], 25)

    def test_it_runs_without_privileges(self):
        self.site.start_tserver(self.site.options(tls=False))
        self.start_console()
        text = pathlib.Path(f"/proc/{self.console.pid}/status").read_text()
        facts = {key: re.search(rf"(?m)^{key}:\s*(\S+)", text)[1] for key in ("NoNewPrivs", "CapEff", "CapBnd", "Seccomp")}
        unfiltered = "system calls are not filtered in this build" in self.console.log.read_text()  # with a sanitizer
        self.assertEqual(facts, {"NoNewPrivs": "1", "CapEff": "0" * 16, "CapBnd": "0" * 16,
                                 "Seccomp": "0" if unfiltered else "2"})
        self.assertEqual(self.get("/health")[0], 200)

    def test_a_page_of_another_site_cannot_read_it(self):
        self.site.start_tserver(self.site.options(tls=False))
        self.start_console()
        connection = http.client.HTTPConnection(*self.address, timeout=10)
        connection.request("GET", "/api/v1/status", headers={"Host": "evil.example"})
        self.assertEqual(connection.getresponse().status, 421)
        connection.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
