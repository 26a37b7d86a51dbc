# Promise: a link process and the console run without privileges from their start on (no new privileges, no capability, a
# filter on system calls, no core dump), also when tserver is started by root, and a link works in there: it enrols, writes
# its store, and enrols again. The self-test at the start names what does not work inside, a handshake too, and nobody is killed
# for it (F81; the rest of it: src/os/sandbox_test.cpp).
# Could break: a step of the sandbox left out, or done before there is something to confine; a system call or a file that
# only an unusual moment needs.
import errno
import pathlib
import re
import unittest

from harness import PROGRAMS, Site, exchange, wait_for


def facts(pid):
    """What the kernel says of a process."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {key: re.search(rf"(?m)^{key}:\s*(\S+)", text)[1]
            for key in ("NoNewPrivs", "CapEff", "CapPrm", "CapBnd", "CapAmb", "Seccomp")}


def core_limit(pid):
    text = pathlib.Path(f"/proc/{pid}/limits").read_text()
    return re.search(r"(?m)^Max core file size\s+(\S+)\s+(\S+)", text).groups()


class Sandbox(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site(links=1))

    def test_a_running_link_has_no_privileges_and_carries(self):
        self.site.start_cluster()
        self.site.start_tserver()
        status = self.site.wait_up()
        pid = status["links"][0]["pid"]
        none = "0" * 16
        unfiltered = "system calls are not filtered in this build" in " ".join(status["links"][0]["notes"])  # sanitizer
        self.assertEqual(facts(pid), {"NoNewPrivs": "1", "CapEff": none, "CapPrm": none, "CapBnd": none, "CapAmb": none,
                                      "Seccomp": "0" if unfiltered else "2"})
        self.assertEqual(core_limit(pid), ("0", "0"))
        with self.site.application(1) as application:
            self.assertEqual(exchange(application, b"inside"), b"inside")

    @unittest.skipUnless((PROGRAMS / "failing_call.so").exists(), "no library that makes calls fail in this build")
    def test_F81_a_handshake_that_does_not_work_inside_is_named(self):
        self.site.start_cluster()
        self.site.start_tserver(LD_PRELOAD=str(PROGRAMS / "failing_call.so"),
                                TSERVER_FAIL=f"tserver-link:SSL_do_handshake:{errno.EPERM}:1:for-good")
        self.assertRegex(self.site.blamed("SANDBOX", 20)["reason"]["detail"], "^the self-test of the sandbox: TLS handshake")
        self.assertNotIn("signal", self.site.log())

    def test_key_memory_is_locked(self):
        self.site.start_cluster()
        self.site.start_tserver()
        status = self.site.wait_up()
        pid = status["links"][0]["pid"]
        locked = int(re.search(r"(?m)^VmLck:\s*(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())[1])
        noted = "key memory is not locked" in " ".join(status["links"][0]["notes"])
        self.assertTrue(locked >= 64 or noted, f"{locked} kB locked, and no note says why not")

    def test_a_running_link_enrols_again_and_saves_what_it_got(self):
        self.site.start_cluster()
        self.site.start_tserver()
        before = self.site.wait_up()["links"][0]
        self.site.arm(1, "654321")
        # Enrolments keep 30 seconds apart.
        wait_for("another enrolment", lambda: self.site.ctl("link", "enrol", "link-tls-1", "--code-file", "-",
                                                            given="654321\n")[0] == 0, 60, 2)
        after = self.site.wait_up()["links"][0]
        self.assertEqual(after["pid"], before["pid"])
        self.assertNotEqual(after["identity"]["sha256"], before["identity"]["sha256"])
        self.assertEqual([n for n in after["notes"] if "not saved" in n], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
