# Promise: passphrase and codes are in no command line, no environment, no log at any level, no status and no answer of
# the tools; the file and the encrypted store are the only places (a core dump aside, which is another test).
# Could break: a secret handed to the link process as an argument, an option that is printed in full, a protocol trace.
import pathlib
import unittest

from harness import CODE, PASSPHRASE, Site

SECOND = "908172635"


class Secrets(unittest.TestCase):
    def test_nowhere_but_in_the_file_and_the_store(self):
        site = self.enterContext(Site())
        site.start_cluster()
        options = site.options()
        options["TServer"]["log-level"] = "debug"
        site.start_tserver(options)
        site.wait_up()
        shown = []
        pids = [site.tserver.pid, *site.link_processes().values()]
        self.assertEqual(len(pids), 2)
        for pid in pids:
            for name in ("cmdline", "environ"):
                shown.append((name, pathlib.Path(f"/proc/{pid}/{name}").read_bytes()))
        # Also on the ways where something is refused, which like to print what they were given.
        options["link-tls-1"]["tls-auth-code"] = SECOND
        site.write(options)
        for command in (["status"], ["--json", "status"], ["--json", "config", "plan", site.config], ["reload"],
                        ["config", "check", site.config], ["config", "explain"], ["--json", "status"],
                        ["store", "--path", site.store, "list"],
                        ["link", "enrol", "link-tls-1", "--code-file", "-"]):
            _, out, errors = site.ctl(*command, given=SECOND + "\n")
            shown.append((" ".join(map(str, command)), (out + errors).encode()))
        options["link-tls"]["password"] = PASSPHRASE + "\x01"
        site.write(options)
        shown.append(("config check of a bad value", "".join(site.ctl("config", "check", site.config)[1:]).encode()))
        self.assertEqual(site.stop_tserver(), 0)
        log = site.log()
        self.assertIn("24207 CAPF step", log)  # the level counts
        shown.append(("the log", log.encode()))
        for where, octets in shown:
            for secret in (PASSPHRASE, CODE, SECOND):
                self.assertNotIn(secret.encode(), octets, where)
        for path in site.store.rglob("*"):
            if path.is_file():
                for secret in (PASSPHRASE, CODE, SECOND):
                    self.assertNotIn(secret.encode(), path.read_bytes(), path)


if __name__ == "__main__":
    unittest.main(verbosity=2)
