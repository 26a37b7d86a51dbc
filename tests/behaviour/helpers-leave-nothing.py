# Promise: nobody is forked once OpenSSL is in the process: link processes are started clean, and everything works where the
# kernel lets nobody fork (F77). After a thousand of them no dead process is left, also when tserver is process 1 of a
# container and inherits the orphans of others (F78).
# Could break: a helper that is started by fork or a shell, a SIGCHLD that stands for two, an exit status that nobody takes.
import collections
import errno
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import unittest
from unittest import mock

import harness
from harness import ALLOW, AND, ANSWER, EQUAL, LOAD, PROGRAMS, WITH_ERROR, Site, exchange, set_filter, wait_for

END_WITH_PARENT = harness.Program.end_with_parent
CALLS = {"x86_64": {"fork": 57, "clone": 56, "clone3": 435}, "aarch64": {"clone": 220, "clone3": 435}}.get(os.uname().machine)
CLONE_VM = 0x100  # a thread, or a child that has its parent's memory until it starts its program (posix_spawn)
RUNS = 1000


def without_fork():
    """For a child before it starts its program: whoever copies its process is refused from now on. The C library takes clone
    where there is no clone3, whose flags a filter cannot see."""
    END_WITH_PARENT()
    set_filter((LOAD, 0, 0, 0),
               (EQUAL, 0, 1, CALLS["clone3"]), (ANSWER, 0, 0, WITH_ERROR | errno.ENOSYS),
               (EQUAL, 0, 1, CALLS.get("fork", 0xFFFF)), (ANSWER, 0, 0, WITH_ERROR | errno.EPERM),
               (EQUAL, 0, 4, CALLS["clone"]), (LOAD, 0, 0, 16),
               (AND, 0, 0, CLONE_VM), (EQUAL, 1, 0, CLONE_VM), (ANSWER, 0, 0, WITH_ERROR | errno.EPERM),
               (ANSWER, 0, 0, ALLOW))


def children(parent):
    """State by pid."""
    out = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            state, its_parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue  # ended meanwhile
        if int(its_parent) == parent:
            out[int(entry.name)] = state
    return out


class Helpers(unittest.TestCase):
    @unittest.skipUnless(CALLS, "the numbers of the system calls are not known here")
    def test_F77_everything_works_where_nobody_may_fork(self):
        site = self.enterContext(Site(links=2))
        site.start_cluster()
        with mock.patch.object(harness.Program, "end_with_parent", staticmethod(without_fork)):
            probe = site.run(["python3", "-c", "import os; os.fork()"], "probe.log")
            self.assertEqual(probe.wait(), 1, "the filter is in force")
            self.assertIn("Operation not permitted", probe.log.read_text())
            site.start_tserver()
            before = site.wait_up()["links"]
            console = site.run([PROGRAMS / "tserver-console", "--control", site.control, "--listen",
                                f"{site.slot.address(60)}:9748"], "console.log")
            console.line("http://")
        os.kill(before[0]["pid"], signal.SIGKILL)
        site.wait("link 1 is back", lambda s: s["links"][0]["restarts"] == 1 and s["links"][0]["state"] == "up")
        site.write(site.options(link_tls_2={"listen": f"{site.slot.address(99)}:2748"}))
        site.wait("link 2 has moved", lambda s: s["links"][1]["listen"].endswith(".99:2748") and s["links"][1]["state"] == "up")
        with site.application(1) as application:
            self.assertEqual(exchange(application, b"clean"), b"clean")
        self.assertEqual(site.stop_tserver(), 0)

    # --- F78 ---

    def ask(self, site, **request):
        if not hasattr(self, "client"):
            self.client = self.enterContext(socket.socket(socket.AF_UNIX))
            self.client.connect(str(site.control))
            self.answers = self.enterContext(self.client.makefile())
        self.client.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(self.answers.readline())

    def run_many(self, site, tserver):
        """A thousand link processes from start to end; now and then a look at what tserver has for children."""
        seen, worst = collections.defaultdict(set), 0
        running = len(site.names)

        def all_are_others():
            nonlocal worst
            states = children(tserver)
            worst = max(worst, list(states.values()).count("Z"))
            links = self.ask(site, command="status")["status"]["links"]
            return all(l["pid"] and l["pid"] not in seen[l["name"]] and l["state"] == "plain" for l in links) and links

        while sum(map(len, seen.values())) < RUNS:
            for link in wait_for("other link processes", all_are_others, 30, step=0.01):
                seen[link["name"]].add(link["pid"])
                self.ask(site, command="link", link=link["name"], do="restart")
        wait_for("all run", all_are_others, 30)
        wait_for("no dead child is left", lambda: "Z" not in children(tserver).values(), 5)
        self.assertEqual(len(children(tserver)), running)
        self.assertLess(worst, 2 * running, "dead children pile up meanwhile")

    def test_F78_no_dead_process_is_left_of_a_thousand(self):
        site = self.enterContext(Site(links=8))
        site.start_cluster()
        site.start_tserver(site.options(tls=False))
        site.wait_up("plain")
        self.run_many(site, site.tserver.pid)
        self.assertEqual(site.stop_tserver(), 0)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare") and shutil.which("nsenter")
                         and subprocess.run(["unshare", "-p", "-f", "true"], capture_output=True).returncode == 0,
                         "no process namespace can be made here")
    def test_F78_nor_as_process_1_which_inherits_the_orphans(self):
        site = self.enterContext(Site(links=8))
        site.start_cluster()
        site.write(site.options(tls=False))
        around = site.run(["unshare", "-p", "-f", "--kill-child", PROGRAMS / "tserver", "--config", site.config, "--control",
                           site.control], "tserver.log")
        first = wait_for("tserver runs", lambda: [*children(around.pid)])[0]
        site.wait_up("plain")
        namespaces = pathlib.Path(f"/proc/{first}/status").read_text()
        self.assertRegex(namespaces, r"(?m)^NSpid:\s+\d+\s+1$")
        self.run_many(site, first)
        orphans = subprocess.Popen(["nsenter", "-t", str(first), "-p", "sh", "-c",
                                    f"i=0; while [ $i -lt {RUNS} ]; do (sleep 0.01 &); i=$((i+1)); done"])
        self.assertEqual(orphans.wait(60), 0)
        wait_for("the orphans are taken", lambda: len(children(first)) == 8 and "Z" not in children(first).values(), 10)
        os.kill(first, signal.SIGTERM)
        self.assertEqual(around.wait(10), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
