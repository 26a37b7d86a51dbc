#!/usr/bin/env python3
"""Kills link processes, and now and then tserver with all of them, at random moments of an enrolment (SIGKILL), and
looks after each kill that nothing good was lost.

    TSERVER_BIN=build/release/bin tests/torture/enrolment_kills.py [--kills 1000] [--links 4] [--seed 1]

A round of a link: its CAPF profile is armed with a fresh code, `link enrol` gives the code, and the process is killed at a
moment spread over the whole enrolment. Promised after each kill, once the link is up again:
  - the certificate in use is the one from before or the one that CAPF has just issued, and it opens sessions;
  - its subject is the instance ID of this link, and no two links use one certificate;
  - CAPF has issued at most one certificate for the code.
Every fifth kill hits tserver itself. Exit code 0 when every promise was kept.
"""
import argparse
import collections
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "behaviour"))
from harness import PROGRAMS, Site  # noqa: E402


class Torture:
    def __init__(self, site, kills, seed):
        self.site = site
        self.kills = kills
        self.random = random.Random(seed)
        self.counts = collections.Counter()
        self.broken = []
        self.numbers = range(1, len(site.names) + 1)
        self.typical = 1.0

    def known(self, n):
        """SHA-256 of every certificate that CAPF has issued to link n."""
        text = (self.site.directory / "ucmsim.log").read_text(errors="replace")
        mark = f"issued instance={self.site.instance(n)} "
        return [line.split("sha256=")[1].split()[0] for line in text.splitlines() if mark in line]

    def attempts_may_follow_each_other(self, n):
        (self.site.store / "identities" / self.site.instance(n) / "attempts.json").unlink(missing_ok=True)

    def ask_all(self, number):
        """Arms every profile and asks every link at once to enrol; returns the clients that wait for the answers."""
        clients = []
        for n in self.numbers:
            self.attempts_may_follow_each_other(n)
            self.site.arm(n, f"{number:06}{n:02}")
            clients.append(subprocess.Popen([PROGRAMS / "tserverctl", "--control", self.site.control, "link", "enrol",
                                             self.site.names[n - 1], "--code-file", "-"], stdin=subprocess.PIPE,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        for n, client in zip(self.numbers, clients):
            client.stdin.write(f"{number:06}{n:02}\n".encode())
            client.stdin.close()
        return clients

    def kill_some(self, asked, everything):
        """Each link at a moment of its own; or tserver, and every link with it."""
        begun = time.monotonic()
        moments = sorted((self.random.uniform(0, 1.2 * self.typical), n) for n in asked)
        processes = self.site.link_processes()
        for moment, n in moments[:1] if everything else moments:
            time.sleep(max(0.0, begun + moment - time.monotonic()))  # the moment is the experiment
            try:
                os.kill(self.site.tserver.pid if everything else processes[self.site.names[n - 1]], signal.SIGKILL)
            except ProcessLookupError:
                continue
            self.counts["kills of tserver with its links" if everything else "kills of a link process"] += 1
        if everything:
            self.site.tserver.process.wait()
            self.site.start_tserver()

    def check(self, n, before, certificates, link):
        issued = len(self.known(n)) - len(certificates)
        used = link["identity"]["sha256"]
        allowed = {before[n - 1]["identity"]["sha256"], *self.known(n)[len(certificates):]}
        problems = []
        if issued > 1:
            problems.append(f"{issued} certificates for one code")
        if used not in allowed:
            problems.append(f"uses {used}, which is neither the old nor the new one")
        if link["identity"]["subject"] is None or f"CN={self.site.instance(n)}" not in link["identity"]["subject"]:
            problems.append(f"has the certificate of {link['identity']['subject']}")
        if issued == 0:
            self.counts["killed before a certificate was issued: the old one is used"] += 1
        elif used == before[n - 1]["identity"]["sha256"]:
            self.counts["killed between issue and save: the old one is used, the code is spent"] += 1
        else:
            self.counts["killed behind the save: the new one is used"] += 1
        self.broken += [f"link {n}: {problem}" for problem in problems]

    def round(self, number, before):
        links = self.numbers
        certificates = {n: self.known(n) for n in links}
        asking = self.ask_all(number)
        self.kill_some(links, everything=number % 5 == 4)
        for client in asking:
            client.wait(60)
        status = self.site.wait_up(within=120)
        for n, link in zip(links, status["links"]):
            self.check(n, before, certificates[n], link)
        used = [link["identity"]["sha256"] for link in status["links"]]
        if len(set(used)) != len(used):
            self.broken.append(f"two links use one certificate: {used}")
        return status["links"]

    def measure(self):
        """How long undisturbed enrolments of all links at once take here."""
        begun = time.monotonic()
        for client in self.ask_all(999999):
            client.wait(120)
        self.typical = time.monotonic() - begun
        return self.site.wait_up(within=120)["links"]

    def done(self):
        return sum(count for name, count in self.counts.items() if name.startswith("kills of"))

    def run(self):
        before = self.measure()
        number = 0
        while self.done() < self.kills and not self.broken:
            before = self.round(number, before)
            number += 1
            if number % 25 == 0:
                print(f"{self.done()} kills in {number} rounds", file=sys.stderr, flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("--kills", type=int, default=1000)
    arguments.add_argument("--links", type=int, default=4)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    begun = time.monotonic()
    with Site(links=given.links) as site:
        site.start_cluster()
        options = site.options()
        site.start_tserver(options)
        site.wait_up(within=120)
        for name in site.names:
            del options[name]["tls-auth-code"]
        site.write(options)
        site.ctl("reload")
        torture = Torture(site, given.kills, given.seed)
        torture.run()
    print(f"{torture.done()} kills, {given.links} links, seed {given.seed}, an enrolment takes {torture.typical:.2f} s, "
          f"{time.monotonic() - begun:.0f} s in all")
    for name, count in sorted(torture.counts.items()):
        print(f"{count:8} {name}")
    print(f"{len(torture.broken):8} promises broken")
    for problem in torture.broken:
        print(f"         {problem}")
    return 1 if torture.broken else 0


if __name__ == "__main__":
    sys.exit(main())
