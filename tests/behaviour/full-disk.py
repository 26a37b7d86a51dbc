# Promise: a disk that fills up between the question and the answer costs nothing: the certificate that came is used from
# memory and saved as soon as there is space, and a full disk before is no reason to ask CAPF at all (F14, F19).
# Could break: a certificate that is thrown away because it could not be written, a code that is spent for nothing.
import os
import subprocess
import unittest

from harness import Site, wait_for


class FullDisk(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site())
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=0700", "none", self.site.store],
                                 capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("no right to mount a small file system")
        self.addCleanup(subprocess.run, ["umount", "-l", self.site.store], check=False)
        self.ballast = self.site.store / "ballast"

    def fill(self):
        with open(self.ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        self.assertEqual(os.statvfs(self.site.store).f_bavail, 0)

    def test_a_certificate_that_cannot_be_saved_is_used_and_saved_later(self):
        self.site.start_cluster("--fault", "capf-slow=1500")
        self.site.start_tserver()
        self.site.wait("CAPF is talking", lambda s: self.site.counts()["capf_sessions"] == 1, 60)
        self.fill()
        link = self.site.wait_up()["links"][0]
        self.assertTrue(any("not saved yet" in note for note in link["notes"]), link["notes"])
        self.assertFalse(list(self.site.store.glob("identities/*/0*/identity.p12")))
        self.ballast.unlink()
        wait_for("saved", lambda: list(self.site.store.glob("identities/*/0*/identity.p12")), 60)
        self.site.wait("no note", lambda s: not any("not saved" in note for note in s["links"][0]["notes"]))
        self.assertEqual(self.site.stop_tserver(), 0)
        self.site.start_tserver()
        self.assertEqual(self.site.wait_up()["links"][0]["identity"]["sha256"], link["identity"]["sha256"])
        self.assertEqual(self.site.counts()["capf_sessions"], 1)

    def test_with_a_full_disk_capf_is_not_asked(self):
        self.site.start_cluster()
        options = self.site.options()
        code = options["link-tls-1"].pop("tls-auth-code")
        self.site.start_tserver(options)
        self.site.wait("waits for a code", lambda s: s["links"][0]["state"] == "stopped", 60)
        self.fill()
        options["link-tls-1"]["tls-auth-code"] = code
        self.site.write(options)
        self.assertEqual(self.site.ctl("reload")[0], 0)
        self.site.blamed("DISK_FULL", 60)
        self.assertEqual(self.site.counts()["capf_sessions"], 0)
        self.ballast.unlink()
        self.site.wait_up()


if __name__ == "__main__":
    unittest.main(verbosity=2)
