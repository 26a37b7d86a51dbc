#!/usr/bin/env python3
"""Many links on one tserver: how long until all are up, what a status costs, what they cost while nothing happens.

    bench/many_links.py [--links 200] [--plain] [--idle 20] [--bin build/release/bin]
"""
import argparse
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/behaviour"))


def cpu(pids):
    """Seconds of processor that these processes have used; by the scheduler, as ticks see little of short turns."""
    return sum(int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) / 1e9


def memory(pids):
    """MiB, pages that are shared counted in parts."""
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--links", type=int, default=200)
    parser.add_argument("--plain", action="store_true", help="links in clear: no enrolment, no TLS")
    parser.add_argument("--idle", type=float, default=20, help="seconds to watch while nothing happens")
    parser.add_argument("--bin", default=str(ROOT / "build/release/bin"))
    wanted = parser.parse_args()
    os.environ["TSERVER_BIN"] = wanted.bin
    import harness

    with harness.Site(links=wanted.links) as site:
        site.start_cluster()
        begun = time.monotonic()
        site.start_tserver(site.options(tls=not wanted.plain))
        site.wait_up("plain" if wanted.plain else "up", within=900)
        print(f"{wanted.links} links {'in clear' if wanted.plain else 'over TLS'}: all up after {time.monotonic() - begun:.1f} s")

        pids = [site.tserver.pid, *site.link_processes().values()]
        time.sleep(5)  # what follows a start is not idle yet
        before, begun = cpu(pids), time.monotonic()
        time.sleep(wanted.idle)
        used, passed = cpu(pids) - before, time.monotonic() - begun
        print(f"idle: {100 * used / passed:.2f} % of one processor for tserver and its links together, over {passed:.0f} s")
        print(f"memory: {memory(pids[:1]):.0f} MiB tserver, {memory(pids[1:]) / wanted.links:.2f} MiB a link")

        command = [harness.PROGRAMS / "tserverctl", "--control", site.control, "--json", "status"]
        took = []
        served, asked = cpu(pids[:1]), resource.getrusage(resource.RUSAGE_CHILDREN)
        for _ in range(30):
            begun = time.monotonic()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            took.append(1000 * (time.monotonic() - begun))
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        served = (cpu(pids[:1]) - served) / 30
        asked = (now.ru_utime + now.ru_stime - asked.ru_utime - asked.ru_stime) / 30
        took.sort()
        print(f"status: {statistics.median(took):.1f} ms in the middle, {took[-2]:.1f} ms 29 of 30 (tserverctl from start to end); "
              f"processor time {1000 * served:.1f} ms in tserver, {1000 * asked:.1f} ms in tserverctl")

        begun = time.monotonic()
        site.stop_tserver(within=30)
        print(f"stop: {time.monotonic() - begun:.2f} s")


if __name__ == "__main__":
    main()
