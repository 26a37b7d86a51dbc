#!/usr/bin/env python3
"""Enrols many links from an empty store and starts them again with it: wall time and CPU of both.

    TSERVER_BIN=build/release/bin bench/enrol_links.py [--links 100]

The measure is the CPU that only making the keys takes, divided by the processors: below it no enrolment can be. It is
taken from so many RSA-2048 keys made by `openssl genrsa`, as many as there are links, before tserver starts. CPU of tserver is
that of all its link processes; CPU of the simulated cluster runs on the same processors and is given beside it.
"""
import argparse
import os
import pathlib
import resource
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "behaviour"))
from harness import Site  # noqa: E402


def cpu_of(pid):
    """Seconds of user and system time of a process and its ended children."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(fields[n]) for n in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")


def key_generation(count):
    """CPU seconds of making so many keys."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(count):
        subprocess.run(["openssl", "genrsa", "-out", "/dev/null", "2048"], check=True, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def start(site, what, keys, cores):
    cluster = cpu_of(site.cluster.pid)
    begun = time.monotonic()
    site.start_tserver()
    site.wait_up(within=900)
    wall = time.monotonic() - begun
    pids = site.link_processes().values()
    cpu = cpu_of(site.tserver.pid) + sum(cpu_of(pid) for pid in pids)
    counts = [link["counters"]["enrolments"] for link in site.status()["links"]]
    ratio = f", {wall / (keys / cores):.2f} × key generation" if keys else ""
    print(f"{what}: {wall:.2f} s wall until every link is up{ratio}; CPU: tserver and links {cpu:.1f} s, "
          f"cluster {cpu_of(site.cluster.pid) - cluster:.1f} s; {sum(counts)} enrolments", flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("--links", type=int, default=100)
    links = arguments.parse_args().links
    cores = len(os.sched_getaffinity(0))
    keys = key_generation(links)
    print(f"{links} links, {cores} processors, load {os.getloadavg()[0]:.1f} before the start; "
          f"{links} RSA-2048 keys take {keys:.1f} s of CPU", flush=True)
    with Site(links=links) as site:
        site.start_cluster()
        site.write(site.options())
        start(site, "from an empty store", keys, cores)
        assert site.stop_tserver(within=30) == 0
        start(site, "warm start", None, cores)
        assert site.stop_tserver(within=30) == 0


if __name__ == "__main__":
    main()
