# Promise: the Debian package is built from what was compiled, holds every file with the mode it needs, and after
# installation one edited file is enough: links come up against a cluster. An upgrade keeps configuration and passphrase,
# removal keeps them too, purge leaves nothing.
# Could break: a file left out, a configuration that others can read, an example that does not work, a maintainer script
# that fails or asks, a program that looks for its other half in the wrong place.
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import harness
from harness import PROGRAMS, Site, exchange

BUILD = PROGRAMS.parent
PROGRAMS_INSTALLED = {"usr/sbin/tserver", "usr/sbin/tserver-link", "usr/sbin/tserver-console", "usr/bin/tserverctl"}


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=170, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


@unittest.skipUnless(shutil.which("cpack") and shutil.which("dpkg-deb") and (BUILD / "CPackConfig.cmake").exists()
                     and (PROGRAMS / "tserver-console").exists(), "nothing to pack, or nothing to pack it with")
class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="tserver-package-")
        cls.directory = pathlib.Path(cls.scratch.name)
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.first, cls.second = cls.pack("0.1.0"), cls.pack("0.2.0")

    @classmethod
    def pack(cls, version):
        into = cls.directory / version
        run("cpack", "-D", f"CPACK_PACKAGE_VERSION={version}", "-D", f"CPACK_PACKAGE_DIRECTORY={into}",
            "--config", BUILD / "CPackConfig.cmake", cwd=cls.directory, umask=0o022)
        package, = into.glob("*.deb")
        return package

    def contents(self):
        """Mode, owner and size by path."""
        out = {}
        for line in run("dpkg-deb", "-c", self.first).splitlines():
            mode, owner, size, _, _, path = line.split(None, 5)
            out[path.removeprefix("./").rstrip("/")] = (mode, owner, int(size))
        return out

    def test_holds_every_file_with_its_mode_and_owner(self):
        contents = self.contents()
        wanted = PROGRAMS_INSTALLED | {
            "usr/lib/systemd/system/tserver.service", "usr/lib/systemd/system/tserver-console.service",
            "usr/lib/sysusers.d/tserver.conf", "etc/tserver/tserver.conf", "etc/logrotate.d/tserver",
            "usr/share/bash-completion/completions/tserverctl",
            "usr/share/man/man8/tserver.8.gz", "usr/share/man/man8/tserverctl.8.gz",
            "usr/share/man/man8/tserver-console.8.gz", "usr/share/man/man5/tserver.conf.5.gz",
            "usr/share/doc/tserver/copyright", "usr/share/doc/tserver/install.md",
            "usr/share/doc/tserver/prometheus/tserver.rules.yml", "usr/share/doc/tserver/grafana/tserver.json"}
        self.assertLessEqual(wanted, set(contents))
        self.assertNotIn("usr/bin/ucmsim", contents)
        for path, (mode, owner, size) in contents.items():
            with self.subTest(path):
                self.assertEqual(owner, "root/root")
                self.assertNotRegex(mode, r"^.{8}w|[sStT]", "writable for all, or set-id")
                if mode[0] == "-":
                    self.assertGreater(size, 0)
                    self.assertEqual(mode[3] == "x", path in PROGRAMS_INSTALLED)
        self.assertEqual(contents["etc/tserver/tserver.conf"][0], "-rw-r-----")

    def test_says_what_it_is_and_needs(self):
        fields = dict(re.findall(r"(?m)^ ?(\S+): (.*)$", run("dpkg-deb", "-f", self.first)))
        self.assertEqual((fields["Package"], fields["Version"]), ("tserver", "0.1.0"))
        self.assertIn("libssl3", fields["Depends"])
        self.assertIn("libc6", fields["Depends"])
        self.assertNotIn("libgtest", fields["Depends"])
        run("dpkg-deb", "-e", self.first, self.directory / "control")
        self.assertEqual((self.directory / "control/conffiles").read_text(), "/etc/tserver/tserver.conf\n/etc/logrotate.d/tserver\n")
        for script in ("postinst", "prerm", "postrm"):
            run("sh", "-n", self.directory / "control" / script)

    # --- installed into a root of its own ------------------------------------------------------------------------

    def dpkg(self, *arguments):
        root = self.directory / "root"
        return run("dpkg", f"--root={root}", "--force-script-chrootless", "--force-depends", "--force-confold",
                   "--log=/dev/null", *arguments, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})

    def installed(self):
        root = self.directory / "root"
        shutil.rmtree(root, ignore_errors=True)
        for folder in ("etc", "run", "var/lib/dpkg/updates", "var/lib/dpkg/info"):
            (root / folder).mkdir(parents=True)
        (root / "var/lib/dpkg/status").touch()
        root.chmod(0o755)
        self.dpkg("-i", self.first)
        return root

    @unittest.skipUnless(os.geteuid() == 0, "installing needs root")
    def test_installs_runs_upgrades_and_goes(self):
        root = self.installed()
        config, passphrase = root / "etc/tserver/tserver.conf", root / "etc/tserver/store-passphrase"
        self.assertRegex((root / "etc/passwd").read_text(), r"(?m)^tserver:")
        group = int(re.search(r"(?m)^tserver:[^:]*:(\d+):", (root / "etc/group").read_text())[1])
        self.assertEqual((config.stat().st_mode & 0o777, config.stat().st_gid), (0o640, group))
        self.assertEqual((passphrase.stat().st_mode & 0o777, passphrase.stat().st_uid), (0o600, 0))
        self.assertGreaterEqual(len(passphrase.read_bytes()), 40)

        self.starts(root, config)

        secret, edited = passphrase.read_bytes(), config.read_bytes()
        self.dpkg("-i", self.second)
        self.assertIn("Version: 0.2.0", (root / "var/lib/dpkg/status").read_text())
        self.assertEqual((passphrase.read_bytes(), config.read_bytes()), (secret, edited))
        self.dpkg("-r", "tserver")
        self.assertEqual((passphrase.read_bytes(), config.read_bytes()), (secret, edited))
        self.assertFalse(any((root / path).exists() for path in PROGRAMS_INSTALLED))
        self.dpkg("-P", "tserver")
        left = [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()
                and not str(p.relative_to(root)).startswith(("var/lib/dpkg", "etc/passwd", "etc/group", "etc/shadow",
                                                             "etc/gshadow", "etc/.pwd.lock"))]
        self.assertEqual(left, [])

    def starts(self, root, config):
        """The installed programs, the example with its open lines filled in, and a cluster."""
        programs = self.directory / "programs"
        programs.mkdir(exist_ok=True)
        for path in PROGRAMS_INSTALLED:
            (programs / pathlib.Path(path).name).symlink_to(root / path)
        (programs / "ucmsim").symlink_to(PROGRAMS / "ucmsim")
        self.addCleanup(setattr, harness, "PROGRAMS", harness.PROGRAMS)
        harness.PROGRAMS = programs
        store = root / "var/lib/tserver/store"
        entry = re.search(r"(?m)^tserver:[^:]*:(\d+):(\d+):", (root / "etc/passwd").read_text())
        state = store.parent.stat()
        self.assertEqual((state.st_mode & 0o777, state.st_uid, state.st_gid), (0o700, int(entry[1]), int(entry[2])))
        os.chown(store.parent, 0, 0)  # here root runs tserver
        with Site(links=1) as site:
            site.start_cluster()
            options = site.options()
            text = config.read_text()
            for section in ("link-tls", "link-tls-1"):
                for option, value in options[section].items():
                    text = re.sub(rf"(?m)^;?{option} = .*$", f"{option} = {value}", text)
            text = re.sub(r"(?m)^(password-file = ).*$", r"\1credential:store-passphrase", text)
            text = re.sub(r"(?m)^tls-cert-path = .*$", f"tls-cert-path = {store}", text)
            text += "".join(f"{o} = {options['link-tls-1'][o]}\n" for o in ("listen", "port"))
            self.assertNotRegex(text, r"(?m)^;\w", "a line of the example that the test does not fill in")
            config.write_text(text)
            site.config = config
            run(programs / "tserverctl", "config", "check", config, env=os.environ | {"CREDENTIALS_DIRECTORY": root / "etc/tserver"})
            site.start_tserver(CREDENTIALS_DIRECTORY=str(root / "etc/tserver"))
            site.wait_up()
            with site.application(1) as application:
                self.assertEqual(exchange(application, b"installed"), b"installed")
            self.assertEqual(site.stop_tserver(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
