#!/usr/bin/env python3
"""Kills, stops, starves and misleads the processes of a site by random schedules, and looks at every moment and after every
episode whether each promise still holds.

    TSERVER_BIN=build/release/bin tests/torture/lives.py [--seconds 600 | --runs 10] [--first 1] [--links 3]
    tests/torture/lives.py --seed 17            the schedule of this seed once more
    tests/torture/lives.py --seed 17 --show     only print it
    tests/torture/lives.py --only kills --runs 1000    kill -9 of tserver, a link and the console in random order

A run has one seed and some episodes. In an episode up to six causes (tests/torture/causes.py) begin at their moments and last
for their times, one beside the other; then all are gone, and the time is taken until every link is up, carries octets and
the console is ready. Promised (tests/torture/watch.py):
  - nothing in clear where TLS is on: the plain port of the CTIManager is never connected to;
  - never two sessions of one identity: no collision at the CTIManager;
  - no good identity is lost: every link comes back without a code, with the certificate that it had, and CAPF is not asked;
  - never two processes of one link, no zombie, no orphan;
  - tserver answers for its status, and never ends by itself;
  - all links are up again within --bound seconds once the cause is gone.
Exit code 0 when every promise was kept.
"""
import argparse
import collections
import dataclasses
import os
import pathlib
import random
import shutil
import signal
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "behaviour")]
from causes import CAUSES, KILLS, NEED_DISK, Disk, send  # noqa: E402
from harness import PROGRAMS, Clock, Site, wait_for  # noqa: E402
from watch import Watch  # noqa: E402

CLOCK_STEPS = (1 / 24, 5 / 24, 1, 30, 400, 3650, 9000)  # days
HEARS_NOTHING = 20  # seconds after which tserver kills a silent link; a link looks at the clock more often
STARTS_WITHIN = 3  # seconds from the start of tserver until its control socket answers


@dataclasses.dataclass
class Step:
    at: float      # seconds from the begin of the episode
    cause: str
    link: int
    hold: float    # seconds
    amount: float  # what it means is the cause's

    def __str__(self):
        return f"{self.at:5.2f} s {self.cause:<15} link {self.link}, for {self.hold:5.2f} s, amount {self.amount:g}"


def make_step(chance, causes, links, longest):
    cause = chance.choice([*causes, *(name for name in KILLS if name in causes)])  # kills twice as often
    hold = 0.0 if cause in KILLS or cause == "reset-sessions" else chance.uniform(0.1, 1) * chance.uniform(0.1, 1) * longest
    if cause in ("stop-link", "stop-tserver", "wrong-clock") and longest > HEARS_NOTHING / 4 and chance.random() < 0.15:
        hold = HEARS_NOTHING + chance.uniform(-1, 6)
    if cause == "lose-ctimanager":
        hold += 2.5  # longer than reconnect-max, so that the links see it as down (CTI_DUPLICATE_INSTANCE otherwise)
    amount = {"wrong-clock": chance.choice(CLOCK_STEPS) * chance.choice((-1, 1)),
              "few-descriptors": chance.randint(3, 30), "little-memory": round(chance.uniform(0, 20) ** 2 / 20, 2),
              "reload": chance.randint(0, 99)}.get(cause, 0)
    first = 0 if cause == "little-memory" else 1
    return Step(round(chance.uniform(0, longest / 2), 2), cause, chance.randint(first, links), round(hold, 2), amount)


def make_schedule(seed, episodes, links, causes, longest):
    """All chance is here: the same seed and options give the same schedule."""
    chance = random.Random(seed)
    out = []
    for _ in range(episodes):
        steps = [make_step(chance, causes, links, longest) for _ in range(chance.randint(1, 6))]
        # Two quick ends in a row are the sign of an identity used twice, and stop a link for good (doc/protocols/session.md).
        ends = [step for step in steps if step.cause in ("reset-sessions", "lose-ctimanager")]
        if any(step.cause == "reset-sessions" for step in ends):
            steps = [step for step in steps if step not in ends[1:]]
        out.append(sorted(steps, key=lambda step: step.at))
    return out


class Console:
    """tserver-console, started again as a service manager does."""

    def __init__(self, site):
        self.site, self.address = site, (site.slot.address(60), 9748)
        self.start()

    def start(self):
        self.program = self.site.run([PROGRAMS / "tserver-console", "--control", self.site.control, "--listen",
                                      "{}:{}".format(*self.address)], "console.log")
        self.pid = self.program.pid

    def kill(self):
        self.program.signal(signal.SIGKILL)
        self.program.wait()


class Torture:
    """One site and what is done to it."""

    def __init__(self, site, bound):
        self.site, self.bound = site, bound
        self.times = collections.defaultdict(list)  # seconds back to all links up, by cause
        self.counts = collections.Counter()
        self.active, self.untold = [], []
        self.disk = Disk(site.store)
        self.clock = Clock(site.directory)
        self.last_start = 0.0
        self.freed = 0.0  # when the last cause ended that hides tserver: it may have caught it at its start
        self.excused = 0.0  # when the last cause ended that may end tserver: one that started before may still end by it

    def begin(self):
        site = self.site
        site.start_cluster()
        self.options = site.options()
        site.write(self.options)
        self.start_tserver()
        site.wait_up(within=120)
        for name in site.names:
            del self.options[name]["tls-auth-code"]
        site.write(self.options)
        site.ctl("reload")
        self.console = Console(site)
        self.watch = Watch(site, self.console)
        self.watch.begin()
        self.recover("start")

    def start_tserver(self):
        self.last_start = time.monotonic()
        preloaded = self.clock.environment if Clock.library.exists() else {}
        self.site.start_tserver(**preloaded)

    def tell_cluster(self, line):
        if line:
            self.untold.append(line)
        if not any(cause.hides_cluster for cause in self.active):
            while self.untold:
                self.site.tell_cluster(self.untold.pop(0))

    def until_no_link_runs(self):
        wait_for("no link process runs", lambda: not self.site.left_behind("tserver.log"), 10)

    def could_not(self, what):
        self.counts[f"could not {what}"] += 1

    def keep_running(self):
        """What a service manager does. That it is needed is a broken promise, unless a cause may end tserver."""
        code = self.site.tserver.process.poll()
        if code is not None and time.monotonic() - self.last_start > 0.5:
            just_gone = self.last_start < self.excused < self.last_start + STARTS_WITHIN
            if just_gone or any(cause.may_end_tserver for cause in self.active):
                self.counts["tserver ended by a cause that may end it"] += 1
            else:
                self.watch.against("tserver does not end by itself", f"it ended with {code}")
            self.start_tserver()
        if self.console.program.process.poll() is not None:
            self.watch.against("the console does not end by itself", f"{self.console.program.process.returncode}")
            self.console.start()

    def look(self):
        self.keep_running()
        hidden = any(cause.hides_tserver for cause in self.active)
        status = self.watch.look(not hidden, not any(cause.hides_cluster for cause in self.active))
        excused = hidden or any(cause.may_end_tserver for cause in self.active)
        if status is None and not excused and time.monotonic() - max(self.last_start, self.freed) > STARTS_WITHIN:
            self.watch.against("status is answered", "nobody answers at the control socket")
        return status

    # --- an episode ---

    def play(self, steps):
        """Begins and ends each cause at its time; looks in between."""
        begun = time.monotonic()
        moments = [(step.at, number, False) for number, step in enumerate(steps)]
        moments += [(step.at + step.hold, number, True) for number, step in enumerate(steps)]
        made = {}
        for at, number, over in sorted(moments):
            while (left := begun + at - time.monotonic()) > 0:
                self.look()
                time.sleep(min(0.1, max(0.0, min(left, begun + at - time.monotonic()))))
            if over:
                self.finish(made[number])
            else:
                made[number] = CAUSES[steps[number].cause](self, steps[number])
                self.active.append(made[number])
                self.counts[steps[number].cause] += 1
                made[number].begin()
        for cause in made.values():  # one that ended may have been undone by another that lasted
            cause.end()
        self.tell_cluster("")

    def finish(self, cause):
        self.keep_running()
        self.active.remove(cause)
        if cause.may_end_tserver:
            self.excused = time.monotonic()
        if cause.hides_tserver:
            self.freed = time.monotonic()
        cause.end()
        self.tell_cluster("")

    def wait_recovered(self, not_with=()):
        """Seconds until every link is up and the console is ready; nothing when the bound is over.
        @param not_with  pids that no link may have: of processes that were killed"""
        begun = time.monotonic()
        while time.monotonic() - begun < self.bound:
            self.keep_running()
            status = self.watch.look(cluster_answers=False)
            if (self.watch.all_up(status) and not any(l["pid"] in not_with for l in status["links"])
                    and self.watch.console_says("/ready") == 200):
                return time.monotonic() - begun
            time.sleep(0.02)
        links = self.watch.last["links"] if self.watch.last else []
        shown = [(l["name"], l["state"], l["reason"] and l["reason"]["fault"]) for l in links]
        self.watch.against("all links are up again", f"not within {self.bound:g} s: {shown}")
        return None

    def recover(self, cause):
        """All of them carry octets and the CTIManager has one session of each; then nothing may be left of the causes."""
        begun = time.monotonic()
        numbers = range(1, len(self.site.names) + 1)
        while self.wait_recovered() is not None and time.monotonic() - begun < self.bound:
            if all(self.watch.carries(n) for n in numbers) and self.all_well():
                self.times[cause].append(time.monotonic() - begun)
                return True
        self.watch.against("all links are up again", f"not all carry octets within {self.bound:g} s")
        return False

    def all_well(self):
        """After the applications have left each link has its next session; no dead process is left."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            self.look()
            if self.watch.one_session_each() and not self.watch.first_seen:
                return True
            time.sleep(0.05)
        return False

    def run(self, schedule):
        for number, steps in enumerate(schedule, 1):
            self.play(steps)
            if not self.recover("episode") or self.watch.broken:
                print(f"in episode {number}:\n" + "\n".join(f"    {step}" for step in steps))
                return

    # --- kills alone ---

    def kill_one(self, victim, link):
        """@return pids that no link may have afterwards"""
        pids = self.watch.look_at_processes()
        if victim == "kill-console":
            self.console.kill()
            self.console.start()
            return ()
        if victim == "kill-link":
            pid = pids[self.site.names[link - 1]]
            send(pid, signal.SIGKILL)
            return (pid,)
        self.site.tserver.signal(signal.SIGKILL)
        self.site.tserver.wait()
        self.start_tserver()
        return tuple(pids.values())

    def kills(self, count, seed):
        chance = random.Random(seed)
        for number in range(1, count + 1):
            victim, link = chance.choice(KILLS), chance.randint(1, len(self.site.names))
            time.sleep(chance.uniform(0, 0.4))  # the moment is the experiment
            gone = self.kill_one(victim, link)
            took = self.wait_recovered(gone)
            self.counts[victim] += 1
            if took is None or self.watch.broken:
                print(f"at kill {number}: {victim} {link}")
                return
            self.times[victim].append(took)
            self.watch.look_at_cluster()
            if number % 100 == 0:
                self.recover("all carry, after each 100 kills")
                print(f"{number} kills", file=sys.stderr, flush=True)


def report(torture):
    for name, times in sorted(torture.times.items()):
        if name != "start":
            print(f"back to all links up, {name}: median {statistics.median(times):.2f} s, worst {max(times):.2f} s "
                  f"of {len(times)}")


def live(given, seed):
    """One site from start to end; @return the broken promises, the times and the counts"""
    with Site(links=given.links) as site:
        torture = Torture(site, given.bound)
        try:
            causes = [name for name in given.causes if torture.disk.mounted or name not in NEED_DISK]
            if not Clock.library.exists():
                causes = [name for name in causes if name != "wrong-clock"]
            torture.begin()
            if given.only:
                torture.kills(given.runs, seed)
            else:
                torture.run(make_schedule(seed, given.episodes, given.links, causes, given.longest))
            if given.keep and torture.watch.broken:
                for log in site.directory.glob("*.log"):
                    shutil.copy(log, pathlib.Path(given.keep) / f"{seed}-{log.name}")
        finally:
            send(site.cluster.pid, signal.SIGCONT)
            torture.disk.end()
        torture.left_out = [name for name in given.causes if name not in causes]
        return torture


def seeds(given):
    """Which seeds to run: one, so many, or until the time is over."""
    begun, seed = time.monotonic(), given.first
    if given.seed is not None:
        yield given.seed
        return
    while (given.seconds and time.monotonic() - begun < given.seconds) or (
            not given.seconds and seed < given.first + given.runs):
        yield seed
        seed += 1


def options():
    out = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    out.add_argument("--seed", type=int, help="only this one")
    out.add_argument("--first", type=int, default=1, help="the first seed of several")
    out.add_argument("--runs", type=int, default=1, help="so many seeds (with --only kills: so many kills)")
    out.add_argument("--seconds", type=float, default=0, help="seeds until the time is over")
    out.add_argument("--episodes", type=int, default=6)
    out.add_argument("--links", type=int, default=3)
    out.add_argument("--longest", type=float, default=8, help="seconds that a cause lasts, most of them")
    out.add_argument("--bound", type=float, default=90, help="seconds until all links must be up again")
    out.add_argument("--causes", type=lambda text: text.split(","), default=list(CAUSES), help="names with commas between")
    out.add_argument("--only", choices=["kills"])
    out.add_argument("--show", action="store_true", help="print the schedules and do nothing")
    out.add_argument("--keep", help="directory for the logs of a run with a broken promise")
    return out.parse_args()


def show(given, seed):
    for number, steps in enumerate(make_schedule(seed, given.episodes, given.links, given.causes, given.longest), 1):
        print(f"seed {seed}, episode {number}:\n" + "\n".join(f"    {step}" for step in steps))


def main():
    given = options()
    begun, times, counts, broken, runs = time.monotonic(), collections.defaultdict(list), collections.Counter(), [], 0
    if given.only:
        given.seed = given.seed if given.seed is not None else given.first
    for seed in seeds(given):
        if given.show:
            show(given, seed)
            continue
        torture = live(given, seed)
        runs += 1
        for name, taken in torture.times.items():
            times[name] += taken
        counts += torture.counts
        broken += [(seed, *what) for what in torture.watch.broken]
        print(f"seed {seed}: {len(torture.watch.broken)} promises broken, {torture.watch.looks} looks, slowest status "
              f"{1000 * torture.watch.slowest_answer:.0f} ms"
              + (f", left out: {', '.join(torture.left_out)}" if torture.left_out else ""), flush=True)
    if given.show:
        return 0
    print(f"{runs} runs, {given.links} links, {time.monotonic() - begun:.0f} s")
    for name, count in sorted(counts.items()):
        print(f"{count:8} {name}")
    torture.times = times
    report(torture)
    print(f"{len(broken):8} promises broken")
    for seed, promise, what in broken:
        print(f"         seed {seed}: {promise}: {what}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
