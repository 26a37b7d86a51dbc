# Promise: there is no pid file and none can be asked for; who waits for tserver hears READY=1 from it when it answers for its
# status, and not before (F79). A number left in a file of a killed tserver means nothing to the next one.
# Could break: READY before the control socket is there, a start that trusts a number in a file, an option that brings pid files.
import json
import os
import re
import signal
import socket
import subprocess
import unittest

from harness import PROGRAMS, ROOT, Site


class Readiness(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site(links=2))
        self.site.start_cluster()
        self.site.write(self.site.options(tls=False))
        self.manager = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.manager.bind(str(self.site.directory / "notify"))
        self.manager.settimeout(20)

    def start_and_hear(self, word):
        self.site.start_tserver(NOTIFY_SOCKET=str(self.site.directory / "notify"))
        return self.hear(word)

    def hear(self, word):
        while word not in (said := self.manager.recv(4096).decode().splitlines()):
            pass
        return said

    def test_F79_ready_is_said_when_the_status_is_answered_and_not_before(self):
        for _ in range(5):
            said = self.start_and_hear("READY=1")
            with socket.socket(socket.AF_UNIX) as client:  # at once: no second attempt
                client.settimeout(5)
                client.connect(str(self.site.control))
                client.sendall(b'{"command":"status"}\n')
                links = json.loads(client.makefile().readline())["status"]["links"]
            self.assertEqual([l["name"] for l in links], self.site.names)
            self.assertTrue([line for line in said if re.fullmatch(r"STATUS=\d of 2 links up", line)], said)
            self.site.tserver.signal(signal.SIGTERM)
            self.hear("STOPPING=1")
            self.assertEqual(self.site.tserver.wait(), 0)

    def test_F79_no_program_leaves_or_takes_a_pid_file(self):
        self.start_and_hear("READY=1")
        self.site.wait_up("plain")
        made = {str(path.relative_to(self.site.directory)) for path in self.site.directory.rglob("*")}
        self.assertEqual([name for name in made if "pid" in name.lower()], [])
        for program in ("tserver", "tserver-console", "tserverctl"):
            help_text = subprocess.run([PROGRAMS / program, "--help"], capture_output=True, text=True, check=True).stdout
            self.assertNotRegex(help_text.lower(), r"\bpid")
        options = json.loads(self.site.ctl("--json", "config", "explain")[1])["options"]
        self.assertEqual([o["name"] for o in options if "pid" in o["name"]], [])
        for unit in (ROOT / "packaging/systemd").glob("*.service"):
            self.assertNotIn("PIDFile", unit.read_text())

    def test_F79_a_number_in_a_file_that_was_left_means_nothing(self):
        """The pid of a killed tserver may be somebody else's by now."""
        self.start_and_hear("READY=1")
        self.site.tserver.signal(signal.SIGKILL)
        self.site.tserver.wait()
        left = [path for path in self.site.directory.iterdir() if path.is_file() and path.name.startswith("control")]
        for path in left:
            path.write_text(f"{os.getpid()}\n")  # somebody who lives
        self.start_and_hear("READY=1")
        self.site.wait_up("plain")
        self.assertEqual(self.site.stop_tserver(), 0)
        self.assertEqual([path for path in left if path.exists()], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
