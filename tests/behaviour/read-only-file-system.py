# Promise: every command that only looks works where nothing can be written: status, events, history, doctor, the config, store and
# trust commands that show (F86).
# Could break: a command that opens its files for writing, takes a lock, or makes a directory on the way.
import json
import os
import shutil
import subprocess
import unittest

from harness import PROGRAMS, Site

# Everything that is mounted becomes read-only for what is started here.
NOTHING_IS_WRITTEN = """
mount --make-rprivate / || exit 98
for point in $(cut -d' ' -f5 /proc/self/mountinfo | sort -r); do mount -o remount,bind,ro "$point" 2>/dev/null; done
if touch "$1/.written" 2>/dev/null; then exit 99; fi
shift
exec "$@"
"""


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare") and subprocess.run(
    ["unshare", "-m", "mount", "--make-rprivate", "/"], capture_output=True).returncode == 0, "no mounts of its own here")
class ReadOnly(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site(links=1))

    def ctl(self, *arguments):
        done = subprocess.run(["unshare", "-m", "sh", "-c", NOTHING_IS_WRITTEN, "sh", self.site.directory,
                               PROGRAMS / "tserverctl", "--control", self.site.control, *map(str, arguments)],
                              capture_output=True, text=True, timeout=60)
        self.assertNotIn(done.returncode, (98, 99), "the file system is not read-only")
        return done.returncode, done.stdout, done.stderr

    def held_list(self):
        return next(path for path in self.site.store.glob("trust/0*/*") if path.suffix == ".tlv")

    def test_F86_what_only_looks_works_beside_a_running_tserver_and_without(self):
        site = self.site
        site.bring_up()
        config = site.config
        for arguments in (("status",), ("status", "--check"), ("events",), ("history", "link-tls-1"),
                          ("config", "check", config), ("config", "show", config), ("config", "plan", config),
                          ("trust", "show", self.held_list()), ("store", "--config", config, "list"),
                          ("store", "--config", config, "check"), ("doctor", "--config", config)):
            with self.subTest(arguments[:2], runs=True):
                code, out, errors = self.ctl(*arguments)
                self.assertEqual((code, errors), (0, ""), out)
                self.assertTrue(out)
        self.assertEqual(site.stop_tserver(), 0)
        for arguments in (("config", "check", config), ("config", "show", config), ("trust", "show", self.held_list()),
                          ("store", "--config", config, "list"), ("store", "--config", config, "check")):
            with self.subTest(arguments[:2], runs=False):
                code, out, errors = self.ctl(*arguments)
                self.assertEqual((code, errors), (0, ""), out)
        code, out, _ = self.ctl("--json", "doctor", "--config", config)
        rows = {row["step"]: row for row in json.loads(out)["links"][0]["rows"]}
        self.assertEqual([r for r in rows.values() if r["verdict"] == "FAIL"], [])
        self.assertEqual(rows["session"]["verdict"], "SKIP")
        self.assertIn("cannot be locked", rows["session"]["seen"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
