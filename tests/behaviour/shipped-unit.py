# Promise: tserver works inside the walls of the unit that is shipped, with the example configuration at the paths it has on a
# host (F82): the unit's mounts and its user are made by hand here, as systemd makes them. A path that the unit keeps from it is
# refused by a text with the unit's line, which the doctor repeats; one that SELinux keeps from it with the label and the
# command that shows the denial (F83).
# Could break: a path of the example that the unit does not let through, a directory that tserver makes beside its own.
import errno
import os
import pathlib
import re
import shutil
import subprocess
import unittest
from unittest import mock

import harness
from harness import PASSPHRASE, PROGRAMS, ROOT, Site, exchange, refuse_call

UNIT = (ROOT / "packaging/systemd/tserver.service").read_text()
NOBODY = 65534
MKDIRAT = {"x86_64": 258, "aarch64": 34}.get(os.uname().machine)
LABEL = b"system_u:object_r:user_home_t:s0\0"
END_WITH_PARENT = harness.Program.end_with_parent


def of_unit(key):
    return re.search(rf"(?m)^{key}=(.*)$", UNIT)[1]


# What systemd does for the unit's lines, in a mount namespace of its own. $1: programs, $2: folder with what is in /etc/tserver,
# $3: user.
WALLS = f"""
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/programs /mnt/upper /mnt/work /mnt/given
mount --bind "$1" /mnt/programs
cp -a "$2"/. /mnt/given
mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc
mkdir -p /etc/tserver && cp -a /mnt/given/. /etc/tserver
for at in "/var/lib {of_unit('StateDirectory')} {of_unit('StateDirectoryMode')}" \
          "/run {of_unit('RuntimeDirectory')} {of_unit('RuntimeDirectoryMode')}" \
          "/var/log {of_unit('LogsDirectory')} {of_unit('LogsDirectoryMode')}"; do
    set -- $at "$3"
    mount -t tmpfs -o mode=0755 tmpfs "$1"
    mkdir -m "$3" "$1/$2" && chown "$4:$4" "$1/$2" && mount --bind "$1/$2" "$1/$2"
    writable="$writable $1/$2"
    set -- "" "" "$4"
done
mkdir -p -m 0755 /run/credentials && mkdir -m 0500 /run/credentials/tserver.service
cp /etc/tserver/store-passphrase /run/credentials/tserver.service && chown -R "$3:$3" /run/credentials/tserver.service
mkdir -m 0700 /var/lib/elsewhere && chown "$3:$3" /var/lib/elsewhere
for hidden in /home /root /tmp /var/tmp; do mount -t tmpfs -o mode=$([ $hidden = /home -o $hidden = /root ] && echo 0000 || echo 1777) tmpfs $hidden; done
for point in $(cut -d' ' -f5 /proc/self/mountinfo | sort -r); do
    case " $writable /tmp /var/tmp " in *" $point "*) continue;; esac
    case "$point" in /proc*|/dev*|/sys*) continue;; esac
    mount -o remount,bind,ro "$point" 2>/dev/null || true
done
if touch /usr/.writable 2>/dev/null; then rm /usr/.writable; echo "the walls do not stand" >&2; exit 99; fi
umask {of_unit('UMask')}
cd /
export INVOCATION_ID=0123456789abcdef0123456789abcdef CREDENTIALS_DIRECTORY=/run/credentials/tserver.service
exec setpriv --reuid "$3" --regid "$3" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
    /mnt/programs/{pathlib.PurePath(of_unit('ExecStart').split()[0]).name} {' '.join(of_unit('ExecStart').split()[1:])}
"""


def walls_can_be_made():
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv", "mount"))):
        return False
    script = ("mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w && "
              "mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/u,workdir=/mnt/w /etc")
    return subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True).returncode == 0


@unittest.skipUnless(walls_can_be_made(), "no mounts of its own can be made here")
class ShippedUnit(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site(links=1))
        self.site.start_cluster()
        self.etc = self.site.directory / "etc"
        self.etc.mkdir(mode=0o755)
        (self.etc / "store-passphrase").write_text(PASSPHRASE)

    def example(self, **other):
        """The example with its open lines filled in, and `other` options."""
        options = self.site.options()
        text = (ROOT / "packaging/tserver.conf").read_text()
        filled = options["link-tls"] | options["link-tls-1"] | {"tls-cert-path": "/var/lib/tserver/store"} | other
        for option, value in filled.items():
            text = re.sub(rf"(?m)^;?{option} = .*$", f"{option} = {value}", text)
        return text + "".join(f"{o} = {options['link-tls-1'][o]}\n" for o in ("listen", "port", "reconnect-min", "reconnect-max"))

    def start(self, text):
        (self.etc / "tserver.conf").write_text(text)
        (self.etc / "tserver.conf").chmod(0o644)
        self.site.tserver = self.site.run(["unshare", "-m", "sh", "-c", WALLS, "walls", PROGRAMS, self.etc, NOBODY],
                                          "tserver.log")
        self.site.control = pathlib.Path(f"/proc/{self.site.tserver.pid}/root/run/tserver/control")
        self.site.config = self.etc / "tserver.conf"

    def test_F82_the_example_comes_up_inside_the_walls_of_the_unit(self):
        self.start(self.example().replace("[TServer]\n", "[TServer]\nlog-file = /var/log/tserver/tserver.log\n", 1))
        link = self.site.wait_up()["links"][0]
        self.assertEqual([note for note in link["notes"] if "saved" in note], [])
        self.assertEqual(self.site.status()["notes"], [])
        with self.site.application() as application:
            self.assertEqual(exchange(application, b"inside"), b"inside")
        root = pathlib.Path(f"/proc/{self.site.tserver.pid}/root")
        self.assertIn(" 8103 ", (root / "var/log/tserver/tserver.log").read_text())
        self.assertTrue(list((root / "var/lib/tserver/store/identities").iterdir()))
        self.assertIn(f"Uid:\t{NOBODY}\t", pathlib.Path(f"/proc/{link['pid']}/status").read_text())
        self.assertEqual(self.site.stop_tserver(), 0)

    def test_F82_a_store_outside_is_refused_with_the_line_of_the_unit(self):
        self.start(self.example(**{"tls-cert-path": "/var/lib/elsewhere"}))
        reason = self.site.wait("a reason", lambda s: s["links"][0]["reason"] and "ReadWritePaths" in s["links"][0]["reason"]["detail"])
        detail = reason["links"][0]["reason"]["detail"]
        self.assertRegex(detail, r"^/var/lib/elsewhere\S*: Read-only file system; in the unit of tserver ProtectSystem=strict .*"
                                 r"ReadWritePaths=/var/lib/elsewhere \(`systemctl edit tserver`\)")
        self.assertIn("ReadWritePaths=/var/lib/elsewhere", self.site.ctl("status")[1])
        doctor = self.site.config.with_name("doctor.conf")  # it runs outside the walls
        doctor.touch(mode=0o600)
        doctor.write_text(self.example(**{"tls-cert-path": self.site.store}).replace(
            "password-file = credential:store-passphrase", f"password = {PASSPHRASE}"))
        self.assertRegex(self.site.ctl("doctor", "--config", doctor)[1], r"FAIL  session(?s:.*)ReadWritePaths=/var/lib/elsewhere")
        self.assertEqual(self.site.stop_tserver(), 0)

    def test_F82_a_directory_that_the_unit_hides_is_refused_with_its_line(self):
        self.start(self.example(**{"tls-cert-path": "/root/store"}))
        self.assertEqual(self.site.tserver.wait(20), 2)
        self.assertRegex(self.site.log(), r"tserver\.conf:\d+:\d+: tls-cert-path.*/root/store.*ProtectHome=yes")


@unittest.skipUnless(MKDIRAT and os.geteuid() == 0, "the number of the system call is not known here, or no right to set a label")
class Label(unittest.TestCase):
    def test_F83_a_refusal_that_the_modes_do_not_explain_names_label_and_audit_command(self):
        site = self.enterContext(Site(links=1))
        site.start_cluster()
        try:
            os.setxattr(site.store, "security.selinux", LABEL)
        except OSError as refused:
            self.skipTest(f"no labels here: {refused}")

        def without_new_directories():
            END_WITH_PARENT()
            refuse_call(MKDIRAT, errno.EACCES)

        with mock.patch.object(harness.Program, "end_with_parent", staticmethod(without_new_directories)):
            site.start_tserver()
        reason = site.wait("a reason", lambda s: s["links"][0]["reason"])["links"][0]["reason"]
        self.assertEqual(reason["fault"], "PERMISSION")
        self.assertIn(f"Permission denied; owner and modes permit it, so SELinux may not: the label of {site.store} is "
                      f"{LABEL[:-1].decode()}; `ausearch -m avc -ts recent` shows the denial, `restorecon -Rv {site.store}`",
                      reason["detail"])
        self.assertIn("ausearch", site.ctl("doctor", "--config", site.config)[1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
