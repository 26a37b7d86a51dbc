#!/usr/bin/env python3
"""Reloads under traffic: not an octet lost on links that a reload does not touch, and no memory or descriptor lost (F74).

    bench/reloads.py [--reloads 1000] [--bin build/release/bin]

Four links in clear. The first two carry numbered octets without a pause and have options changed that take effect at once;
the third has its listen address moved, back and forth, so that it drops and connects anew; the fourth is never named. Each
plan is compared with what was observed: which sessions ended. Exit code 1 when anything was lost, differs or grows.
"""
import argparse
import os
import pathlib
import random
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/behaviour"))
BLOCK = 16384


def holds(pid):
    """Descriptors and resident KiB of a process."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    resident = int(next(l for l in status.splitlines() if l.startswith("VmRSS")).split()[1])
    return len(os.listdir(f"/proc/{pid}/fd")), resident


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--reloads", type=int, default=1000)
    parser.add_argument("--bin", default=str(ROOT / "build/release/bin"))
    parser.add_argument("--growth", type=int, default=1024, metavar="KIB",
                        help="resident memory that may come on top of a twentieth (a sanitizer keeps what is freed)")
    wanted = parser.parse_args()
    os.environ["TSERVER_BIN"] = wanted.bin
    import json

    import harness

    with harness.Site(links=4) as site:
        site.start_cluster()
        options = site.options(tls=False)
        site.start_tserver(options)
        site.wait_up("plain")
        streams = [harness.Talk(site.application(n), BLOCK, pause=0.005) for n in (1, 2, 4)]
        for stream in streams:
            stream.start()
        choice = random.Random(7)
        refused = differing = resets = 0
        early = None
        begun = time.monotonic()
        for number in range(wanted.reloads):
            expected = set()
            for n in (1, 2):
                options[f"link-tls-{n}"]["connect-timeout"] = f"{choice.randint(1, 30)}s"
                options[f"link-tls-{n}"]["reconnect-max"] = f"{choice.randint(2, 60)}s"
            if choice.random() < 0.2:
                last = 250 if options["link-tls-3"]["listen"].endswith(".13:2748") else 13
                options["link-tls-3"]["listen"] = f"{site.slot.address(last)}:2748"
                expected.add("link-tls-3")
            broken = choice.random() < 0.1
            if broken:
                options["link-tls-2"]["no-such-option"] = "1"
            site.write(options)
            code, out, _ = site.ctl("--json", "reload")
            if broken:
                del options["link-tls-2"]["no-such-option"]
                refused += code == 2
                differing += code != 2
                expected = set()
                site.write(options)
                code, out, _ = site.ctl("--json", "reload")
            changes = json.loads(out)["plan"]["changes"]
            planned = {c["link"] for c in changes if c["effect"] == "link_reset"}
            resets += len(planned)
            differing += bool(planned - {"link-tls-3"})
            if number == wanted.reloads // 2:  # tserver's memory of events is full then
                early = holds(site.tserver.pid), holds(site.link(1)["pid"])
        took = time.monotonic() - begun
        site.wait_up("plain")
        status = site.status()
        late = holds(site.tserver.pid), holds(status["links"][0]["pid"])
        faults = [s.end() for s in streams]
        lost = [l["name"] for l in status["links"] if l["name"] != "link-tls-3" and l["counters"]["reconnects"]]
        print(f"{wanted.reloads} reloads in {took:.0f} s, {resets} of them moved link 3, {refused} broken files refused")
        print(f"untouched streams: {sum(s.exchanges for s in streams) * BLOCK / 1e6:.0f} MB checked, faults: {[f for f in faults if f] or 'none'}, "
              f"sessions lost: {lost or 'none'}, plans that differ: {differing}")
        for name, first, last in (("tserver", early[0], late[0]), ("link 1", early[1], late[1])):
            print(f"{name}: descriptors {first[0]} → {last[0]}, resident {first[1]} → {last[1]} KiB (from half way on)")
    grown = [late[i][0] > early[i][0] + 2 or late[i][1] > 1.05 * early[i][1] + wanted.growth for i in (0, 1)]
    return 1 if any(faults) or lost or differing or any(grown) else 0


if __name__ == "__main__":
    sys.exit(main())
