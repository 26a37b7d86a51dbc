#!/usr/bin/env python3
"""Each fallible system call of tserver and of a link process fails, once and from then on, during a full start with an
enrolment that saves an identity.

    TSERVER_BIN=build/release/bin tests/torture/system_calls.py [--seconds 600] [--step 1] [--offset 0] [--calls fsync,openat]
                                                  [--programs tserver-link]

A point is a program, a call, its number and an errno. Promised at each: nothing goes in clear while TLS is on (the
CTIManager's plain ports see no connection); and with the fault gone, a new start brings the link up, with the
certificate it had before or a newer one for the same instance ID. Exit code 0 when every promise was kept.
"""
import argparse
import errno
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "behaviour"))
from harness import PROGRAMS, Site  # noqa: E402

CALLS = {
    "fsync": "EIO", "ftruncate": "ENOSPC", "renameat": "ENOSPC", "mkdirat": "ENOSPC", "unlinkat": "EIO", "fchmod": "EPERM",
    "flock": "ENOLCK", "openat": "EMFILE", "write": "ENOSPC", "read": "EIO", "recv": "ECONNRESET", "send": "EPIPE",
    "socket": "EMFILE", "connect": "ENETUNREACH", "bind": "EADDRINUSE", "listen": "EADDRINUSE", "accept4": "EMFILE",
    "socketpair": "EMFILE", "epoll_create1": "EMFILE", "epoll_ctl": "ENOMEM", "eventfd": "EMFILE",
}
STAY = 4.0  # seconds that a start with a fault may take to come up; a fault for good keeps it down


class Torture:
    def __init__(self, site, until):
        self.site = site
        self.until = until
        self.code = 100000
        self.points = 0
        self.came_up = 0
        self.broken = []

    def certificate(self):
        return self.site.link(1)["identity"]["sha256"]

    def plain_connections(self):
        return [c for c in self.site.tell_cluster("status")["connections"] if not c["tls"]]

    def start(self, plan):
        """A start with a fresh code, so that it enrols and saves."""
        self.code += 1
        self.site.arm(1, str(self.code))
        (self.site.store / "identities" / self.site.instance(1) / "attempts.json").unlink(missing_ok=True)
        options = self.site.options()
        options[self.site.names[0]]["tls-auth-code"] = str(self.code)
        self.site.write(options)
        self.site.start_tserver(None, LD_PRELOAD=str(PROGRAMS / "failing_call.so"), TSERVER_FAIL=plan)

    def watch(self):
        """Until the link is up, tserver has ended, or the time is over."""
        until = time.monotonic() + STAY
        while time.monotonic() < until and self.site.tserver.process.poll() is None:
            if self.plain_connections():
                return "plain"
            status = self.site.status()
            if status and status["links"] and status["links"][0]["state"] == "up":
                return "up"
            time.sleep(0.05)  # polls a process that may not answer at all
        return "down"

    def end(self):
        if self.site.tserver.process.poll() is None:
            os.killpg(self.site.tserver.pid, signal.SIGKILL)
        self.site.tserver.process.wait(10)

    def fired(self, before):
        log = (self.site.directory / "tserver.log").read_bytes()[before:]
        return b"failing_call: failed" in log

    def point(self, plan):
        """@return whether the call was made at all"""
        log = self.site.directory / "tserver.log"
        before = log.stat().st_size
        self.start(plan)
        state = self.watch()
        self.end()
        fired = self.fired(before)
        if not fired:
            return False
        self.points += 1
        self.came_up += state == "up"
        if state == "plain":
            self.broken.append(f"{plan}: a connection in clear")
        self.site.start_tserver()
        try:
            link = self.site.wait_up(within=60)["links"][0]
            if f"CN={self.site.instance(1)}" not in link["identity"]["subject"]:
                self.broken.append(f"{plan}: the certificate of {link['identity']['subject']}")
        except AssertionError as error:
            self.broken.append(f"{plan}: not up with the fault gone: {str(error)}")
        self.end()
        return True

    def run(self, programs, calls, step, offset):
        for program in programs:
            for call in calls:
                for lasts in ("once", "for-good"):
                    number = first = 1 + offset
                    while time.monotonic() < self.until and self.point(
                            f"{program}:{call}:{getattr(errno, CALLS[call])}:{number}:{lasts}"):
                        number += step
                    print(f"{program} {call} {lasts}: up to {number}", file=sys.stderr, flush=True)
                    if time.monotonic() >= self.until:
                        return False
                    if number == first:
                        break  # this program does not make the call
        return True


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("--seconds", type=float, default=3600)
    arguments.add_argument("--step", type=int, default=1)
    arguments.add_argument("--offset", type=int, default=0)
    arguments.add_argument("--calls", default=",".join(CALLS))
    arguments.add_argument("--programs", default="tserver,tserver-link")
    given = arguments.parse_args()
    begun = time.monotonic()
    with Site(links=1) as site:
        site.start_cluster()
        site.start_tserver(site.options())
        site.wait_up(within=60)
        torture = Torture(site, begun + given.seconds)
        torture.end()
        whole = torture.run(given.programs.split(","), given.calls.split(","), given.step, given.offset)
    print(f"{torture.points} points in {time.monotonic() - begun:.0f} s, {'all' if whole else 'as many as there was time for'}: "
          f"{torture.came_up} came up in spite of the fault, {len(torture.broken)} promises broken")
    for problem in torture.broken:
        print(f"broken: {problem}")
    return 1 if torture.broken or torture.points == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
