#!/usr/bin/env python3
"""The doctor on a healthy cluster, again and again: it must find nothing wrong, and nobody may feel it.

    TSERVER_BIN=build/release/bin tests/torture/doctor_runs.py [--runs 1000] [--links 3]

An application talks on the first link all the time. The last tenth of the runs is made with tserver stopped, where the
doctor tries the identities itself. Exit code 0 when no row of any run says FAIL, no session ended and no code was used.
"""
import argparse
import collections
import json
import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "behaviour"))
from harness import Site, Talk  # noqa: E402


class Runs:
    def __init__(self, site):
        self.site = site
        self.verdicts = collections.Counter()
        self.times = []
        self.problems = []

    def once(self):
        begun = time.monotonic()
        code, out, errors = self.site.ctl("--json", "doctor", "--config", self.site.config)
        self.times.append(time.monotonic() - begun)
        rows = [(link["name"], row) for link in json.loads(out)["links"] for row in link["rows"]] if out else []
        self.verdicts.update(row["verdict"] for _, row in rows)
        for link, row in rows:
            if row["verdict"] == "FAIL":
                self.problems.append(f"run {len(self.times)}, {link}: {row['step']}: {row['fault']}: {row['seen']}")
        if code != 0 or not rows:
            self.problems.append(f"run {len(self.times)}: exit code {code}: {errors}")


def sessions(site):
    counts = site.counts()
    return {name: counts[name] for name in ("cti_sessions", "cti_collisions", "capf_sessions")}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--runs", type=int, default=1000)
    arguments.add_argument("--links", type=int, default=3)
    given = arguments.parse_args()
    alone = given.runs // 10
    with Site(links=given.links) as site:
        site.bring_up()
        runs = Runs(site)
        with site.application() as application:
            talk = Talk(application, block=500, pause=0.02)
            talk.start()
            site.wait("the application", lambda s: s["links"][0]["application"]["connected"])
            before = sessions(site)
            for _ in range(given.runs - alone):
                runs.once()
            after = sessions(site)
            if problem := talk.end():
                runs.problems.append(f"the application: {problem}")
            if before != after:
                runs.problems.append(f"the cluster felt it: {before}, then {after}")
        site.stop_tserver()
        enrolled = site.counts()["capf_sessions"]
        for _ in range(alone):
            runs.once()
        if site.counts()["capf_sessions"] != enrolled:
            runs.problems.append("CAPF was asked for a certificate")
    for problem in runs.problems[:20]:
        print(problem)
    told = ", ".join(f"{runs.verdicts[verdict]} {verdict}" for verdict in ("PASS", "SKIP", "FAIL"))
    print(f"{len(runs.times)} runs over {given.links} links ({alone} of them without tserver): {told}; "
          f"median {statistics.median(runs.times):.2f} s, slowest {max(runs.times):.2f} s; {talk.exchanges} exchanges of the "
          f"application beside them; {len(runs.problems)} problems")
    return 1 if runs.problems else 0


if __name__ == "__main__":
    sys.exit(main())
