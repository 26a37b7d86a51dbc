"""What is done to a running site: each cause begins, lasts, and is gone again. None of them knows chance: a step of the
schedule says when, how long, to which link and how much.

A cause has begin() and end(); `hides_tserver` and `hides_cluster` are true while nobody can be asked there because of it,
and `may_end_tserver` where tserver may end by it, as a service manager would see and mend.
"""
import os
import pathlib
import resource
import signal
import subprocess


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # ended meanwhile


def limit(pid, what, soft):
    """Sets the soft limit of a process that may have ended."""
    try:
        hard = resource.prlimit(pid, what)[1]
        resource.prlimit(pid, what, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    except ProcessLookupError:
        pass


class Cause:
    hides_tserver = hides_cluster = may_end_tserver = False

    def __init__(self, torture, step):
        self.torture, self.site, self.step = torture, torture.site, step
        self.name = f"link-tls-{step.link}"

    def link_pids(self):
        return self.torture.watch.look_at_processes(reaps=False)

    def begin(self):
        raise NotImplementedError

    def end(self):
        """A kill is over at once."""


class KillTserver(Cause):
    def begin(self):
        self.site.tserver.signal(signal.SIGKILL)
        self.site.tserver.wait()
        self.torture.start_tserver()


class KillLink(Cause):
    def begin(self):
        if pid := self.link_pids().get(self.name):
            send(pid, signal.SIGKILL)


class KillConsole(Cause):
    def begin(self):
        self.torture.console.kill()
        self.torture.console.start()


class StopLink(Cause):
    pid = None

    def begin(self):
        self.pid = self.link_pids().get(self.name)
        if self.pid:
            send(self.pid, signal.SIGSTOP)

    def end(self):
        if self.pid:
            send(self.pid, signal.SIGCONT)


class StopTserver(Cause):
    hides_tserver = True

    def begin(self):
        self.pid = self.site.tserver.pid
        send(self.pid, signal.SIGSTOP)

    def end(self):
        send(self.pid, signal.SIGCONT)


class StopCluster(Cause):
    hides_cluster = True

    def begin(self):
        self.site.cluster.signal(signal.SIGSTOP)

    def end(self):
        self.site.cluster.signal(signal.SIGCONT)


class Told(Cause):
    """A cause that ucmsim plays when its control socket is told so; while it is stopped it cannot be told."""
    on = off = ""

    def begin(self):
        self.torture.tell_cluster(self.on)

    def end(self):
        self.torture.tell_cluster(self.off)


class LoseCtimanager(Told):
    on, off = "cti down", "cti up"


class LoseCapf(Told):
    on, off = "fault capf-down", "clear capf-down"


class LoseTftp(Told):
    on, off = "fault tftp-down", "clear tftp-down"


class ResetSessions(Told):
    on = "cti reset"

    def end(self):
        """Over at once."""


class WrongClock(Cause):
    """The amount is in days."""

    def begin(self):
        self.torture.clock.set(days=self.step.amount)

    def end(self):
        self.torture.clock.set()


class FewDescriptors(Cause):
    """A link process and tserver, whose fresh children inherit it, get so few descriptors."""
    hides_tserver = True

    def begin(self):
        for pid in (self.site.tserver.pid, self.link_pids().get(self.name)):
            if pid:
                limit(pid, resource.RLIMIT_NOFILE, self.step.amount)

    def end(self):
        for pid in (self.site.tserver.pid, *self.link_pids().values()):
            limit(pid, resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE)[0])  # as it was at its start


class LittleMemory(Cause):
    """A link process gets so many MiB beyond what it has mapped; a step to link 0 does that to tserver, and its fresh
    children get no more."""
    hides_tserver = may_end_tserver = True

    def begin(self):
        pid = self.link_pids().get(self.name) if self.step.link else self.site.tserver.pid
        try:
            mapped = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            return  # no process of this link now
        limit(pid, resource.RLIMIT_AS, mapped + int(self.step.amount * (1 << 20)))

    def end(self):
        for pid in (self.site.tserver.pid, *self.link_pids().values()):
            limit(pid, resource.RLIMIT_AS, resource.RLIM_INFINITY)


class FullDisk(Cause):
    def begin(self):
        try:
            with open(self.site.store / "ballast", "wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
        except OSError:
            pass  # full, or read-only at the moment

    def end(self):
        self.torture.disk.remount("rw")
        (self.site.store / "ballast").unlink(missing_ok=True)


class ReadOnlyDisk(Cause):
    """A file system on which files are open for writing does not become read-only: tserver is killed for it."""

    def begin(self):
        if not self.torture.disk.remount("ro"):
            self.site.tserver.signal(signal.SIGKILL)
            self.site.tserver.wait()
            self.torture.until_no_link_runs()
            if not self.torture.disk.remount("ro"):
                self.torture.could_not("make the store read-only")
            self.torture.start_tserver()

    def end(self):
        self.torture.disk.remount("rw")


def awaits(pid, number):
    """Whether the process has got so far that it takes this signal itself; before, the signal would end it."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return int(text.split("SigBlk:")[1].split()[0], 16) >> (number - 1) & 1 == 1


class Reload(Cause):
    """Options that count at once, a broken file for every third amount, and SIGHUP or the file watch."""

    def __init__(self, torture, step):
        super().__init__(torture, step)
        self.may_end_tserver = step.amount % 3 == 0  # one that starts now finds the broken file

    def begin(self):
        options = self.torture.options
        options[self.name]["connect-timeout"] = f"{5 + self.step.amount % 20}s"
        options[self.name]["reconnect-max"] = f"{1 + self.step.amount % 2}s"
        if self.step.amount % 3 == 0:
            self.site.write(options | {self.name: options[self.name] | {"no-such-option": "1"}})
        else:
            self.site.write(options)
        if self.step.amount % 2 and awaits(self.site.tserver.pid, signal.SIGHUP):
            self.site.tserver.signal(signal.SIGHUP)

    def end(self):
        self.site.write(self.torture.options)


class Disk:
    """A small file system for the store, so that it can be filled and made read-only; where the machine allows no mount the
    causes that need it are left out, and said to be."""

    def __init__(self, store):
        self.store = store
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "none", store], capture_output=True)
        self.mounted = done.returncode == 0

    def remount(self, how):
        return self.mounted and subprocess.run(["mount", "-o", f"remount,{how}", self.store],
                                               capture_output=True).returncode == 0

    def end(self):
        if self.mounted:
            subprocess.run(["umount", "-l", self.store], check=False)


CAUSES = {"kill-tserver": KillTserver, "kill-link": KillLink, "kill-console": KillConsole, "stop-link": StopLink,
          "stop-tserver": StopTserver, "stop-cluster": StopCluster, "lose-ctimanager": LoseCtimanager,
          "lose-capf": LoseCapf, "lose-tftp": LoseTftp, "reset-sessions": ResetSessions, "wrong-clock": WrongClock,
          "few-descriptors": FewDescriptors, "little-memory": LittleMemory, "full-disk": FullDisk,
          "read-only-disk": ReadOnlyDisk, "reload": Reload}
KILLS = ("kill-tserver", "kill-link", "kill-console")
NEED_DISK = ("full-disk", "read-only-disk")
