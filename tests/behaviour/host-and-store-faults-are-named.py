# Promise: what is wrong with the store, this host or a command is called by its own name, and the command ends with the
# exit code that the fault table gives. The table is printed.
# Could break: a wrong passphrase called damage, a store of another machine used, a taken port called a lost session.
import fcntl
import json
import os
import socket
import subprocess
import unittest

from harness import PASSPHRASE, Named, Site


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class HostFaults(unittest.TestCase):
    def setUp(self):
        self.named = Named()
        self.site = self.enterContext(Site())

    def enrolled(self):
        site = self.site
        site.start_cluster()
        site.start_tserver()
        site.wait_up()
        site.stop_tserver()
        self.identity = site.store / "identities" / site.instance(1)

    def start(self, fault, provoked_by, options=None):
        self.site.start_tserver(options)
        self.named.add(fault, provoked_by, self.site.called(fault), "status")
        self.site.stop_tserver()

    def test_the_store(self):
        site = self.site
        self.enrolled()
        options = site.options()
        options["link-tls"]["password"] = "another passphrase"
        self.start("STORE_PASSPHRASE", "password changed", options)
        site.write(site.options())

        with open(self.identity / "lock", "r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.start("STORE_IN_USE", "another process holds the lock")

        self.identity.chmod(0o755)
        self.start("STORE_MODE", "chmod 755 of the identity")
        self.identity.chmod(0o700)

        generation = max(path for path in self.identity.iterdir() if path.name.isdigit())
        meta = generation / "meta.json"
        kept = meta.read_text()
        described = json.loads(kept)
        described["host"] = "0123456789abcdef0123456789abcdef"
        meta.write_text(json.dumps(described))
        self.start("STORE_FOREIGN_HOST", "host id of another machine in meta.json")
        meta.write_text(kept)

        sealed = generation / "identity.p12"
        octets = bytearray(sealed.read_bytes())
        octets[len(octets) // 2] ^= 1
        sealed.write_bytes(octets)
        self.start("STORE_DAMAGED", "one bit of identity.p12 changed")
        self.named.check(self)

    def test_files_of_an_identity_that_come_from_elsewhere(self):
        site = self.site
        self.enrolled()
        word = site.directory / "word"
        word.touch(mode=0o600)
        word.write_text(PASSPHRASE)
        whole = site.directory / "whole.p12"
        code, _, errors = site.ctl("store", "--config", site.config, "export", "link-tls-1", "--with-key", "--out", whole,
                                   "--new-passphrase-file", word)
        self.assertEqual(code, 0, errors)

        def again(name, *how):
            """The same pair as another program would have written it."""
            pem, out = site.directory / "pair.pem", site.directory / name
            openssl("pkcs12", "-in", whole, "-nodes", "-passin", f"file:{word}", "-out", pem)
            openssl("pkcs12", "-export", "-in", pem, "-passout", f"file:{word}", "-out", out, *how)
            return "store", "--config", site.config, "import", "link-tls-1", out, "--file-passphrase-file", word

        self.command("STORE_NO_MAC", 36, *again("no-mac.p12", "-nomac"))
        self.command("STORE_ALGORITHM", 36, *again("camellia.p12", "-keypbe", "CAMELLIA-256-CBC", "-certpbe", "CAMELLIA-256-CBC"))
        self.named.check(self)

    def test_the_clock(self):
        """Both halves of it: a list that was fetched in the future, and a certificate that starts tomorrow."""
        site = self.site
        self.enrolled()
        meta = max((site.store / "trust").glob("0*")) / "meta.json"
        described = json.loads(meta.read_text())
        described["fetched"] = "2099-01-01T00:00:00Z"
        meta.write_text(json.dumps(described))
        code, out, _ = site.ctl("--json", "doctor", "--config", site.config)
        row = next(row for row in json.loads(out)["links"][0]["rows"] if row["step"] == "clock")
        self.named.add("CLOCK", "the held list is of 2099", row["fault"], "doctor")
        self.assertEqual(code, 40)
        self.named.check(self)

    def test_the_port(self):
        site = self.site
        site.start_cluster()
        with socket.create_server(site.listen(1)):  # also where an ended test has left connections in TIME_WAIT
            self.start("PORT_IN_USE", "another program listens there", site.options(tls=False))
        self.named.check(self)

    def test_a_name_that_has_no_address(self):
        site = self.site
        site.start_cluster()
        options = site.options()
        options["link-tls"]["tls-tftp-host"] = "no-such-host.invalid"
        self.start("NAME_RESOLUTION", "tls-tftp-host = no-such-host.invalid", options)
        self.named.check(self)

    def test_a_full_disk(self):
        site = self.site
        if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "none", site.store],
                                              capture_output=True).returncode != 0:
            self.skipTest("a file system of 64 KiB needs the right to mount")
        try:
            with open(site.store / "ballast", "wb", 0) as ballast:
                try:
                    while True:
                        ballast.write(bytes(4096))
                except OSError:
                    pass
            site.start_cluster()
            self.start("DISK_FULL", "a store of 64 KiB that is full")
        finally:
            subprocess.run(["umount", "-l", site.store], check=True)
        self.named.check(self)

    def command(self, fault, exit_code, *arguments, given=""):
        code, out, errors = self.site.ctl("--json", *arguments, given=given)
        try:
            answer = json.loads(out)
        except ValueError:
            answer = {"error": {"fault": errors.split(":")[0][:40]}}
        problems = answer.get("problems") or answer.get("warnings") or [answer.get("error", {})]
        name = problems[0].get("fault")
        self.named.add(fault, " ".join(map(str, arguments)).replace(str(self.site.directory), "…"),
                       name if code == exit_code else f"{name}, exit {code}", "tserverctl")

    def test_commands_and_files(self):
        site = self.site
        site.start_cluster()
        site.start_tserver(site.options(tls=False))
        site.wait_up("plain")
        self.command("LINK_UNKNOWN", 2, "link", "stop", "no-such-link")
        self.command("LINK_UNKNOWN", 2, "doctor", "no-such-link", "--config", site.config)
        self.command("UNREADABLE", 4, "trust", "show", site.directory / "nothing.tlv")
        (site.directory / "text").write_text("this is no trust list")
        self.command("CTL_FORMAT", 4, "trust", "show", site.directory / "text")
        self.command("STORE_MISSING", 37, "store", "--path", site.store, "check", "cti77")
        self.command("USAGE", 2, "faults", "NO_SUCH_CLASS")
        bad, empty = site.directory / "bad.conf", site.directory / "empty"
        empty.touch(mode=0o600)
        for fault, text in (("CONFIG_SYNTAX", "[TServer\n"), ("CONFIG_UNKNOWN", "[TServer]\nlink-1-name = a\ncolour = red\n[a]\n"
                                                             "hostname = x\n"),
                            ("CONFIG_VALUE", "[TServer]\nlink-1-name = a\n[a]\nhostname = x\nport = 99999\n"),
                            ("CONFIG_DUPLICATE", "[TServer]\nlink-1-name = a\n[a]\nhostname = x\nhostname = y\n"),
                            ("CONFIG_CONFLICT", "[TServer]\nlink-1-name = a\nlink-2-name = b\n[a]\nhostname = x\n"
                                                "listen = 127.0.0.1:9\n[b]\nhostname = x\nlisten = 127.0.0.1:9\n"),
                            ("STORE_EMPTY_PASSPHRASE", f"[TServer]\nlink-1-name = a\n[link-tls]\npassword-file = {empty}\n[a]\nhostname = x\n"),
                            ("CONFIG_MISSING", "[TServer]\nlink-1-name = a\n[a]\nport = 2748\n")):
            bad.touch(mode=0o600)
            bad.write_text(text)
            self.command(fault, 2, "config", "check", bad)
        incomplete = site.options()
        del incomplete["link-tls"]["tls-capf-host"]
        site.write(incomplete)
        self.command("CONFIG_INCOMPLETE", 1, "config", "check", site.config)
        self.command("CONFIG_UNREADABLE", 2, "config", "check", site.directory / "nothing.conf")
        site.config.write_text("[TServer\n")
        code, out, _ = site.ctl("--json", "reload")
        self.named.add("RELOAD_REFUSED", "reload of a broken file", json.loads(out)["error"]["fault"], "tserverctl")
        self.assertEqual(code, 2)
        site.stop_tserver()
        self.command("DAEMON_UNREACHABLE", 2, "status")
        self.named.check(self)


if __name__ == "__main__":
    unittest.main(verbosity=2)
