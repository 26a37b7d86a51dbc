# Promise: passphrase, the keys derived from it, codes and private keys are in no command line, no environment, no log at any
# level, no status, metric, event, support bundle or other answer of the tools, and in no core file; the configuration and
# the encrypted store are the only places (F93).
# Could break: a secret handed to the link process as an argument, an option that is printed in full, a protocol trace, a
# crash that leaves the memory on the disk.
import hashlib
import http.client
import os
import pathlib
import re
import resource
import signal
import subprocess
import unittest

from harness import CODE, PASSPHRASE, PROGRAMS, Site

SECOND = "908172635"
ANOTHER = PASSPHRASE + "\x01"


def forms(octets):
    """As they are, and as people print them."""
    return [octets, octets.hex().encode(), octets.hex().upper().encode()]


class Secrets(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site())
        self.site.start_cluster()
        self.options = self.site.options()
        self.options["TServer"]["log-level"] = "debug"
        limits = resource.getrlimit(resource.RLIMIT_CORE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_CORE, limits)
        resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
        self.site.start_tserver(self.options)
        self.site.wait_up()
        self.shown = []

    def secrets(self):
        """Octets that may appear nowhere, found out with other programs than ours."""
        [file] = (self.site.store / "identities").glob("*/*/identity.p12")
        salt = re.search(rb"\x04\x10(.{16})\x02\x03" + (200_000).to_bytes(3, "big"), file.read_bytes(), re.DOTALL)[1]
        derived = hashlib.pbkdf2_hmac("sha256", PASSPHRASE.encode(), salt, 100_000)
        pem = subprocess.run(["openssl", "pkcs12", "-in", file, "-noenc", "-nocerts", "-passin", "env:STORE_PASS"],
                             env=os.environ | {"STORE_PASS": PASSPHRASE}, capture_output=True, text=True, check=True).stdout
        key = subprocess.run(["openssl", "rsa", "-noout", "-text"], input=pem, capture_output=True, text=True, check=True).stdout
        prime = bytes.fromhex(re.sub(r"[\s:]", "", re.search(r"prime1:\n((?: +[0-9a-f:]+\n)+)", key)[1]))
        lines = [line.encode() for line in pem.splitlines() if len(line) == 64]
        self.assertGreater(len(lines), 20)
        return [PASSPHRASE.encode(), CODE.encode(), SECOND.encode(), *forms(derived), *forms(prime.lstrip(b"\0")), *lines]

    def show(self, where, octets):
        self.assertTrue(octets, where)
        self.shown.append((where, octets))

    def look_at_processes(self):
        pids = [self.site.tserver.pid, *self.site.link_processes().values()]
        self.assertEqual(len(pids), 2)
        for pid in pids:
            for name in ("cmdline", "environ"):
                self.show(name, pathlib.Path(f"/proc/{pid}/{name}").read_bytes())

    def look_at_console(self):
        address = self.site.slot.address(60), 9748
        console = self.site.run([PROGRAMS / "tserver-console", "--control", self.site.control, "--listen",
                                 "{}:{}".format(*address)], "console.log")
        console.line("http://")
        for path in ("/metrics", "/api/v1/status", "/health", "/ready", "/"):
            connection = http.client.HTTPConnection(*address, timeout=10)
            connection.request("GET", path)
            self.show(path, connection.getresponse().read())
            connection.close()

    def look_at_commands(self):
        """Also on the ways where something is refused, which like to print what they were given."""
        site = self.site
        self.options["link-tls-1"]["tls-auth-code"] = SECOND
        site.write(self.options)
        for command in (["status"], ["--json", "status"], ["--json", "config", "plan", site.config], ["reload"],
                        ["config", "check", site.config], ["config", "explain"], ["--json", "status"],
                        ["config", "show", site.config], ["store", "--path", site.store, "list"],
                        ["link", "enrol", "link-tls-1", "--code-file", "-"], ["link", "history", "link-tls-1"],
                        ["--json", "link", "history", "link-tls-1"], ["doctor", "--config", site.config]):
            _, out, errors = site.ctl(*command, given=SECOND + "\n")
            self.show(" ".join(map(str, command)), (out + errors).encode())
        bundle = site.directory / "bundle.json"
        site.ctl("support-bundle", bundle, "--config", site.config, "--log", site.directory / "tserver.log")
        self.show("support bundle", bundle.read_bytes())
        self.options["link-tls"]["password"] = ANOTHER
        site.write(self.options)
        self.show("config check of a bad value", "".join(site.ctl("config", "check", site.config)[1:]).encode())

    def test_nowhere_but_in_the_file_and_the_store(self):
        secrets = self.secrets()
        self.look_at_processes()
        self.look_at_console()
        self.look_at_commands()
        self.assertEqual(self.site.stop_tserver(), 0)
        log = self.site.log()
        self.assertIn("24207 CAPF step", log)  # the level counts
        self.show("the log", log.encode())
        for where, octets in self.shown:
            for secret in secrets:
                self.assertNotIn(secret, octets, where)
        for path in self.site.store.rglob("*"):
            if path.is_file():
                for secret in secrets:
                    self.assertNotIn(secret, path.read_bytes(), path)

    def test_a_crash_leaves_no_core_file(self):
        [link] = self.site.link_processes().values()
        os.kill(link, signal.SIGABRT)
        self.site.wait("started again", lambda s: s["links"][0]["pid"] not in (link, None))
        self.assertIn("signal 6", self.site.log())
        self.site.tserver.signal(signal.SIGABRT)
        ended = os.waitid(os.P_PID, self.site.tserver.pid, os.WEXITED | os.WNOWAIT)
        self.assertEqual((ended.si_status, ended.si_code), (signal.SIGABRT, os.CLD_KILLED), "not CLD_DUMPED")
        cores = [path for folder in (pathlib.Path.cwd(), self.site.directory) for path in folder.glob("core*") if path.is_file()]
        self.assertEqual(cores, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
