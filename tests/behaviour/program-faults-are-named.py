# Promise: what goes wrong between the programs, or in one of them, is called by its own name: by the command that meets it,
# and in the status of the link. The table is printed.
# Could break: a process that ends without a word, a tserver that hangs called a slow step, a refused right called damage.
import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest
from unittest import mock

import harness
from harness import PROGRAMS, Clock, Named, Site, refuse_call, wait_for

HOOKS = (PROGRAMS / "failing_call.so").exists()
SECCOMP = {"x86_64": 317, "aarch64": 277}.get(os.uname().machine)


class ProgramFaults(unittest.TestCase):
    def setUp(self):
        self.named = Named()
        self.site = self.enterContext(Site())

    def plain(self):
        self.site.start_cluster()
        self.site.start_tserver(self.site.options(tls=False))
        self.site.wait_up("plain")

    def answer(self, fault, provoked_by, *arguments, given=""):
        """What tserverctl calls it, and whether it ends with the exit code of that class."""
        code, out, errors = self.site.ctl("--json", *arguments, given=given)
        error = json.loads(out)["error"] if out else {"fault": errors.split(":")[0]}
        expected = json.loads(self.site.ctl("--json", "faults", fault)[1])["exit_code"]
        self.named.add(fault, provoked_by, error["fault"] if code == expected else f"{error['fault']}, exit {code}", "tserverctl")

    # --- tserverctl and tserver ------------------------------------------------------------------------------------

    def test_a_command_that_tserver_does_not_take(self):
        self.plain()
        self.answer("EVENTS_TOO_OLD", "events after a number that is still to come", "events", "--after", 100000)
        second = self.site.run([PROGRAMS / "tserver", "--config", self.site.config, "--control", self.site.control], "second.log")
        self.assertEqual(second.wait(), 1)
        said = second.log.read_text()
        self.named.add("CONTROL_IN_USE", "a second tserver on the control socket", re.search(r"[A-Z_]{5,}", said)[0], "tserver")
        self.assertEqual(self.site.ctl("link", "stop", "link-tls-1")[0], 0)
        self.named.add("STOPPED", "link stop", self.site.link()["reason"]["fault"], "status")
        self.answer("STOPPED", "trust refresh of a link that is stopped", "trust", "refresh", "link-tls-1")
        self.named.check(self)

    def test_two_programs_that_do_not_understand_each_other(self):
        self.plain()
        self.assertEqual(self.ask_tserver(b"GET / HTTP/1.1\n"), "CONTROL_PROTOCOL")
        self.named.add("CONTROL_PROTOCOL", "a line that is no JSON", self.ask_tserver(b"what is this\n"), "tserver")
        self.named.add("CONTROL_PROTOCOL", "a command of another version", self.ask_tserver(b'{"command":"dance"}\n'), "tserver")
        self.site.stop_tserver()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(self.site.control))
            other.listen()
            answering = threading.Thread(target=self.answer_once, args=(other, b'{"links":[]}\n'), daemon=True)
            answering.start()
            self.answer("CONTROL_PROTOCOL", "an answer of another version", "link", "stop", "link-tls-1")
            answering.join(10)
        self.named.check(self)

    def ask_tserver(self, line):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(self.site.control))
            client.sendall(line)
            return json.loads(client.makefile().readline())["error"]["fault"]

    @staticmethod
    def answer_once(listener, line):
        client, _ = listener.accept()
        with client:
            client.recv(4096)
            client.sendall(line)

    def test_a_tserver_that_hangs(self):
        self.plain()
        self.site.tserver.signal(signal.SIGSTOP)
        self.answer("DAEMON_UNREACHABLE", "tserver is stopped by SIGSTOP", "status")
        self.site.tserver.signal(signal.SIGCONT)
        self.named.check(self)

    # --- the link process --------------------------------------------------------------------------------------------

    def test_a_link_process_that_is_killed(self):
        self.plain()
        os.kill(self.site.link_processes()["link-tls-1"], signal.SIGKILL)
        self.site.wait("back", lambda s: s["links"][0]["restarts"] == 1 and s["links"][0]["state"] == "plain")
        self.named.add("CHILD_DIED", "kill -9 of the link process", " ".join(self.site.link()["failures"]), "status")
        self.named.check(self)

    def test_a_link_program_that_cannot_be_started(self):
        """As after an upgrade that went wrong: the program beside tserver has no right to run, is no program, is not there."""
        site = self.site
        programs = site.directory / "programs"
        programs.mkdir()
        shutil.copy2(PROGRAMS / "tserver", programs)
        link = programs / "tserver-link"
        shutil.copy2(PROGRAMS / "tserver-link", link)
        link.chmod(0o644)
        site.start_cluster()
        site.write(site.options(tls=False))
        command = [programs / "tserver", "--config", site.config, "--control", site.control]
        site.tserver = site.run(command, "tserver.log")
        self.named.add("PERMISSION", "tserver-link without the right to run", site.called("PERMISSION"), "status")
        link.write_bytes(b"\x7fELF")
        link.chmod(0o755)
        self.named.add("INTERNAL", "tserver-link is no program", site.called("INTERNAL"), "status")
        site.stop_tserver()
        link.unlink()
        alone = site.run(command, "alone.log")
        self.assertEqual(alone.wait(), 1)
        self.named.add("UNREADABLE", "no tserver-link beside tserver", re.search(r"[A-Z_]{5,}", alone.log.read_text())[0], "tserver")
        self.named.check(self)

    @unittest.skipUnless(HOOKS and SECCOMP, "a build with a sanitizer filters no system calls")
    def test_surroundings_in_which_no_sandbox_can_be_made(self):
        site = self.site
        site.start_cluster()
        end_with_parent = harness.Program.end_with_parent

        def confined():
            end_with_parent()
            refuse_call(SECCOMP, errno.EACCES)

        with mock.patch.object(harness.Program, "end_with_parent", staticmethod(confined)):
            site.start_tserver(site.options(tls=False))
        reason = site.blamed("SANDBOX", 20)["reason"]
        self.named.add("SANDBOX", "seccomp is refused to the link process", reason["fault"], "status")
        self.assertIn("seccomp", reason["detail"])
        self.named.check(self)

    @unittest.skipUnless(HOOKS, "no failing system calls in a build with a sanitizer")
    def test_system_calls_that_fail(self):
        site = self.site
        site.start_cluster()
        for fault, call, error, lasts in (("STORE_IO", "fsync", errno.EIO, "1:for-good"),
                                          ("PERMISSION", "mkdirat", errno.EACCES, "1:for-good"),
                                          ("OUT_OF_RESOURCES", "socket", errno.EMFILE, "2:for-good"),
                                          ("INTERNAL", "recv", errno.EIO, "1:once")):
            shutil.rmtree(site.store)
            site.store.mkdir(mode=0o700)
            site.start_tserver(LD_PRELOAD=str(PROGRAMS / "failing_call.so"), TSERVER_FAIL=f"tserver-link:{call}:{error}:{lasts}")
            self.named.add(fault, f"{call}() of the link process fails with {errno.errorcode[error]}", site.called(fault, 20), "status")
            site.stop_tserver()
        self.named.check(self)

    @unittest.skipUnless(HOOKS, "no clock to set in a build with a sanitizer")
    def test_a_certificate_that_has_expired(self):
        site = self.site
        clock = Clock(site.directory)
        site.start_cluster("--lsc-days", 60)
        site.start_tserver(**clock.environment)
        site.wait_up()
        self.assertEqual(site.stop_tserver(), 0)
        clock.set(days=61)
        site.start_tserver(**clock.environment)
        self.named.add("IDENTITY_EXPIRED", "the clock is a day behind the end of the certificate", site.called("IDENTITY_EXPIRED"), "status")
        self.named.check(self)

    def test_a_key_that_is_made_too_slowly(self):
        """The process is stopped while it makes a larger key than the one it has at hand."""
        site = self.site
        site.start_cluster("--fault", "capf-key-size=4096")
        options = site.options()
        options["link-tls-1"]["tls-enrol-timeout"] = "10s"
        options["TServer"]["log-level"] = "trace"
        site.start_tserver(options)
        wait_for("the key request", lambda: "KEY_GENERATE_REQUEST" in site.log(), 30, 0.002)
        process = site.link_processes()["link-tls-1"]
        os.kill(process, signal.SIGSTOP)
        time.sleep(10.5)  # the time for the enrolment has to pass
        os.kill(process, signal.SIGCONT)
        self.named.add("TIMED_OUT", "a 4096 bit key takes longer than tls-enrol-timeout", site.called("TIMED_OUT"), "status")
        self.named.check(self)

    # --- the simulated cluster -----------------------------------------------------------------------------------------

    def test_a_state_of_the_simulated_cluster_that_is_damaged(self):
        site = self.site
        site.start_cluster()
        site.cluster.signal(signal.SIGTERM)
        site.cluster.wait()
        (site.directory / "cluster/cluster.json").write_text("{")
        broken = site.run([PROGRAMS / "ucmsim", "--state", site.directory / "cluster"], "ucmsim.log")
        self.assertNotEqual(broken.wait(), 0)
        self.named.add("DECODE", "cluster.json of ucmsim is cut short", re.findall(r"[A-Z_]{5,}", broken.log.read_text())[-1], "ucmsim")
        self.named.check(self)


if __name__ == "__main__":
    unittest.main(verbosity=2)
