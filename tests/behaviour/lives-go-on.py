# Promise: whatever is done to its processes (kill -9, stops, a wrong clock, no descriptors, no memory, a full or read-only
# disk, lost servers, reloads), one beside the other, tserver keeps every promise: never in clear, one session of an identity,
# no identity lost, one process a link, no zombie, no orphan, status answered, and every link up again when the cause is gone.
# Could break: two causes that are each survived alone, and not together. The long run is tests/torture/lives.py.
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import unittest
import unittest.mock

from harness import PROGRAMS, Site

LIVES = pathlib.Path(__file__).resolve().parents[1] / "torture" / "lives.py"
sys.path.append(str(LIVES.parent))
import lives  # noqa: E402
import watch  # noqa: E402


class LivesGoOn(unittest.TestCase):
    def run_lives(self, *arguments):
        done = subprocess.run([sys.executable, LIVES, *arguments], capture_output=True, text=True, timeout=170,
                              env=os.environ | {"TSERVER_BIN": str(PROGRAMS)})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_a_short_schedule_of_every_kind_of_cause(self):
        self.assertIn("0 promises broken", self.run_lives("--seed", "6", "--episodes", "2", "--links", "2", "--longest", "2"))

    def test_kills_in_random_order(self):
        out = self.run_lives("--only", "kills", "--runs", "6", "--links", "2")
        self.assertIn("back to all links up, kill-tserver", out)

    def test_the_same_seed_gives_the_same_schedule(self):
        first = self.run_lives("--seed", "5", "--show")
        self.assertEqual(self.run_lives("--seed", "5", "--show"), first)
        self.assertNotEqual(self.run_lives("--seed", "6", "--show"), first)

    def test_a_broken_promise_is_seen(self):
        site = self.enterContext(Site(links=1))
        torture = lives.Torture(site, bound=1)
        self.addCleanup(torture.disk.end)
        torture.begin()
        self.enterContext(unittest.mock.patch.object(watch, "PATIENCE", 1.0))
        socket.create_connection((site.slot.address(1), site.port("cti")), timeout=5).close()
        (site.store / "identities" / site.instance(1) / "attempts.json").unlink()  # or the next one would have to wait
        site.arm(1, "654321")
        self.assertEqual(site.ctl("link", "enrol", "link-tls-1", "--code-file", "-", given="654321\n")[0], 0)
        torture.watch.look()
        pid = torture.watch.look_at_processes()["link-tls-1"]
        site.tserver.signal(signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + 3
        while time.monotonic() < until:
            torture.look()
            time.sleep(0.1)
        self.assertIsNone(torture.wait_recovered())
        site.tserver.signal(signal.SIGKILL)
        site.tserver.wait()
        torture.last_start = 0
        torture.keep_running()
        self.assertEqual({promise for promise, _ in torture.watch.broken},
                         {"never in clear", "no second enrolment", "the identity stays", "status is answered", "no zombie",
                          "all links are up again", "tserver does not end by itself"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
