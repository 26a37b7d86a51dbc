#!/usr/bin/env python3
"""Many links for a long time: traffic on some of them, a CTIManager that goes and comes back, reloads. Does anything grow?

    TSERVER_BIN=build/release/bin tests/torture/soak.py [--links 50] [--minutes 30] [--talking 10]

Every --flap seconds the CTIManager is away for three seconds; every --reload seconds options change that count at once. An
application on each talking link sends random octets without a pause and checks what comes back; when its session is lost it
connects anew. Memory (PSS), descriptors and processor time are looked at every five seconds.
Exit code 1 when
  - a process holds more than two descriptors more at the end than at the begin, both times with every link up and no
    application;
  - the memory of tserver, or of all links together, is in the last quarter (median) larger by more than 5 % and 1 MiB (tserver)
    or 0.1 MiB a link than in the second quarter: the first one warms up;
  - octets came back changed, an application could not connect within a minute, a process died, a link left for good what it
    does (on demand, stopped), or CAPF was asked again.
"""
import argparse
import collections
import os
import pathlib
import random
import statistics
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "behaviour")]
from harness import Site, receive, wait_for  # noqa: E402

BLOCK = 8192
AWAY = 3.0
LOOK_EVERY = 5.0


def pss(pid):
    """MiB, pages that are shared counted in parts."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu(pid):
    """Seconds of processor."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


class Application(threading.Thread):
    """Talks over one link until it is told to end; a session that is lost is counted, octets that differ are a fault."""

    def __init__(self, site, n):
        super().__init__(daemon=True)
        self.site, self.n, self.random = site, n, random.Random(n)
        self.octets = self.lost = 0
        self.fault, self.ending = None, threading.Event()

    def run(self):
        while not self.ending.is_set() and not self.fault:
            try:
                connection = self.site.application(self.n, within=60)
            except ConnectionResetError:  # the link lost the CTIManager while it was made
                self.lost += 1
                continue
            except AssertionError as fault:
                self.fault = str(fault)
                return
            with connection:
                self.talk(connection)

    def talk(self, connection):
        while not self.ending.wait(0.02):
            block = self.random.randbytes(BLOCK)
            try:
                connection.sendall(block)  # so little that it waits for nobody
                back = receive(connection, len(block))
            except (OSError, AssertionError):  # the CTIManager has gone
                self.lost += 1
                return
            if back != block:
                self.fault = f"octets differ behind {self.octets}"
                return
            self.octets += BLOCK

    def end(self):
        self.ending.set()
        self.join(60)
        if self.is_alive():
            self.fault = "does not end"


class Soak:
    def __init__(self, site, given):
        self.site, self.given = site, given
        self.samples = []  # seconds from the begin, MiB of tserver, MiB of the links
        self.counts = collections.Counter()

    def begin(self):
        self.site.start_cluster()
        self.options = self.site.options()
        begun = time.monotonic()
        self.site.start_tserver(self.options)
        self.site.wait_up(within=900)
        self.start_took = time.monotonic() - begun
        for name in self.site.names:
            del self.options[name]["tls-auth-code"]
        self.reload(0)
        self.pids = [self.site.tserver.pid, *self.site.link_processes().values()]
        self.enrolments = self.site.counts()["capf_sessions"]

    def reload(self, number):
        for name in self.site.names[::3]:
            self.options[name]["connect-timeout"] = f"{5 + number % 20}s"
        self.site.write(self.options)
        code, _, errors = self.site.ctl("reload")
        assert code == 0, errors
        self.counts["reloads"] += 1

    def flap(self):
        self.site.tell_cluster("cti down")
        time.sleep(AWAY)  # so long it is away
        self.site.tell_cluster("cti up")
        self.counts["flaps"] += 1

    def sample(self, at):
        self.samples.append((at, pss(self.pids[0]), sum(map(pss, self.pids[1:]))))

    def hold(self):
        """Descriptors of every process while nothing happens; each link has its session then."""
        self.site.wait_up(within=180)
        sessions = lambda: len(self.site.tell_cluster("status")["connections"]) == len(self.site.names)
        wait_for("one session a link", sessions, 120)
        return [descriptors(pid) for pid in self.pids]

    def run(self):
        """All that happens, each at its own pace."""
        begun, length = time.monotonic(), 60 * self.given.minutes
        used = sum(map(cpu, self.pids))
        due = {self.flap: self.given.flap, self.one_reload: self.given.reload, self.one_sample: LOOK_EVERY}
        every = dict(due)
        while (at := time.monotonic() - begun) < length:
            for work, when in due.items():
                if at >= when:
                    due[work] = when + every[work]
                    work()
            time.sleep(max(0.0, min(min(due.values()), length) - (time.monotonic() - begun)))
        self.cpu = (sum(map(cpu, self.pids)) - used) / (time.monotonic() - begun)

    def one_reload(self):
        self.reload(self.counts["reloads"])

    def one_sample(self):
        self.sample(LOOK_EVERY * len(self.samples))

    # --- what it comes to ---

    def grown(self, column):
        """Median of the second and of the last quarter, and what that comes to in MiB an hour."""
        quarter = len(self.samples) // 4
        early, late = ([s[column] for s in self.samples[part:part + quarter]] for part in (quarter, 3 * quarter))
        early, late = statistics.median(early), statistics.median(late)
        return early, late, (late - early) / (self.given.minutes / 60 / 2)

    def faults_of_memory(self):
        for column, name, room in ((1, "tserver", 1.0), (2, "links together", 0.1 * len(self.site.names))):
            early, late, slope = self.grown(column)
            print(f"memory of {name}: {early:.1f} MiB in the second quarter, {late:.1f} MiB in the last, slope {slope:+.2f} MiB/h")
            if late - early > room and late > 1.05 * early:
                yield f"memory of {name} grows"

    def faults_of_links(self, status):
        if self.site.tserver.process.poll() is not None:
            yield "tserver has ended"
        for link in status["links"]:
            if link["pid"] not in self.pids:
                yield f"{link['name']} has another process: {link['restarts']} restarts"
            if any("on-demand" in note or "connects when" in note for note in link["notes"]):
                yield f"{link['name']} connects on demand"
        asked = self.site.counts()["capf_sessions"] - self.enrolments
        if asked:
            yield f"CAPF was asked {asked} times more"


def report(soak, applications, before, after):
    given, status = soak.given, soak.site.status()
    print(f"{given.links} links, {len(applications)} with an application, {given.minutes:g} minutes; all up {soak.start_took:.1f} s "
          f"after the first start; {soak.counts['flaps']} times without CTIManager, {soak.counts['reloads']} reloads")
    print(f"traffic: {sum(a.octets for a in applications) / 1e6:.0f} MB each way, sent, returned and compared; "
          f"{sum(a.lost for a in applications)} sessions lost")
    print(f"descriptors: tserver {before[0]} → {after[0]}, links {min(before[1:])}–{max(before[1:])} → "
          f"{min(after[1:])}–{max(after[1:])}")
    print(f"processor: {100 * soak.cpu:.1f} % of one for tserver and its links")
    print("faults named in the log: " + (", ".join(f"{count} {name}" for name, count in sorted(
        collections.Counter(soak.site.faults_in_log()).items())) or "none"))
    faults = [*soak.faults_of_memory(), *soak.faults_of_links(status)]
    faults += [f"link {a.n}: {a.fault}" for a in applications if a.fault]
    faults += [f"process {pid}: {b} descriptors, then {a}" for pid, b, a in zip(soak.pids, before, after) if a > b + 2]
    print(f"{len(faults)} faults" + "".join(f"\n    {fault}" for fault in faults))
    return 1 if faults else 0


def options():
    out = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    out.add_argument("--links", type=int, default=50)
    out.add_argument("--minutes", type=float, default=30)
    out.add_argument("--talking", type=int, default=10, help="links with an application")
    out.add_argument("--flap", type=float, default=60, help="seconds between two losses of the CTIManager")
    out.add_argument("--reload", type=float, default=20, help="seconds between two reloads")
    return out.parse_args()


def main():
    given = options()
    with Site(links=given.links) as site:
        soak = Soak(site, given)
        soak.begin()
        before = soak.hold()
        applications = [Application(site, n) for n in range(1, min(given.talking, given.links) + 1)]
        for application in applications:
            application.start()
        soak.run()
        for application in applications:
            application.end()
        return report(soak, applications, before, soak.hold())


if __name__ == "__main__":
    sys.exit(main())
