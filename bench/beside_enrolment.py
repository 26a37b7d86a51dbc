#!/usr/bin/env python3
"""What a link loses while other links of the same tserver enrol: the round trip of one message of 300 octets a millisecond, with
nothing else going on and while an RSA-2048 key is being made all the time, in turns.

    TSERVER_BIN=build/release/bin bench/beside_enrolment.py [--rounds 5] [--keys 8]

The CTIManager of the measured link is a process of its own, or what the simulated CAPF computes would be measured too. All of it
runs on the same processors.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "behaviour"))
from harness import CODE, PROGRAMS, Site  # noqa: E402


class Enrolling(threading.Thread):
    """Enrols one link after the other, each for the first time."""

    def __init__(self, site, numbers):
        super().__init__()
        self.site, self.numbers, self.failed = site, numbers, []

    def run(self):
        for n in self.numbers:
            code, _, errors = self.site.ctl("link", "enrol", self.site.names[n - 1], "--code-file", "-", given=CODE + "\n")
            if code != 0:
                self.failed.append(errors)


class Paced:
    def __init__(self, site):
        host, port = site.listen(1)
        self.process = subprocess.Popen([PROGRAMS / "relay_load", "paced", f"{host}:{port}", "300", "2"], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "warm\n"

    def figures(self):
        out, _ = self.process.communicate("\n", timeout=60)
        return json.loads(out)


def another_node(site):
    """A second simulated node with the certificates of the first: the port of its CTIManager."""
    address = site.slot.address(1)
    services = [word for name in ("tftp", "capf", "cti", "cti-tls") for word in (f"--{name}", f"{address}:0")]
    node = site.run([PROGRAMS / "ucmsim", "--state", site.directory / "cluster", "--control", site.directory / "node.control",
                     *services], "node.log")
    ports = dict(part.split("=", 1) for part in node.line("ready").split()[1:])
    return int(ports["cti-tls"].rsplit(":", 1)[1])


def one_round(site, numbers):
    quiet = Paced(site).figures()
    client, enrolling = Paced(site), Enrolling(site, numbers)
    enrolling.start()
    busy = client.figures()
    enrolling.join()
    assert not enrolling.failed, enrolling.failed
    return quiet, busy


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--keys", type=int, default=8, help="made in each round")
    given = arguments.parse_args()
    with Site(links=1 + given.rounds * given.keys) as site:
        site.start_cluster()
        options = site.options()
        for name in site.names[1:]:
            del options[name]["tls-auth-code"]
        site.start_tserver(options)
        site.wait("link 1 up, the others without a code", lambda s: s["links"][0]["state"] == "up" and all(
            link["reason"] and link["reason"]["fault"] == "CODE_MISSING" for link in s["links"][1:]), 120)
        options[site.names[0]]["port"] = port = another_node(site)
        site.write(options)
        assert site.ctl("reload")[0] == 0
        site.wait("link 1 up with the other node", lambda s: s["links"][0]["state"] == "up" and s["links"][0]["ctimanager"].endswith(f":{port}"), 20)
        rounds = []
        for turn in range(given.rounds):
            first = 2 + turn * given.keys
            rounds.append(one_round(site, range(first, first + given.keys)))
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {given.rounds} rounds; medians")
    for figure in ("p50_us", "p99_us"):
        quiet, busy = ([turn[which][figure] for turn in rounds] for which in (0, 1))
        ratios = [b / a for a, b in zip(quiet, busy)]
        print(f"{figure}: {statistics.median(quiet):.0f} alone, {statistics.median(busy):.0f} beside enrolments, "
              f"ratio {statistics.median(ratios):.2f} [{min(ratios):.2f}..{max(ratios):.2f}]")


if __name__ == "__main__":
    main()
