#!/usr/bin/env python3
"""One whole life of a link process under valgrind: from an empty store over list, enrolment, octets both ways,
a CTIManager that dies and comes back, a reload, a refresh of the list and a restart with what was stored, to a clean end.

    cmake --preset valgrind && ninja -C build/valgrind tserver tserver-link tserverctl ucmsim
    TSERVER_BIN=build/valgrind/bin tests/torture/valgrind_life.py

Exit code 0 when valgrind found nothing wrong: no use of what is not there or not set, nothing lost at the end. That build
leaves the filter of system calls out, as the sanitizer builds do; valgrind makes calls of its own.
"""
import os
import pathlib
import re
import shutil
import stat
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "behaviour"))
import harness  # noqa: E402
from harness import Site, exchange  # noqa: E402

SIZE = 1 << 20


def prepare(programs, folder):
    """Programs as the harness wants them, with a script for tserver-link. tserver starts what stands beside its own file, so it
    is a copy; it does not run under valgrind itself, which (3.19) has no pidfd_open(2)."""
    for name in ("ucmsim", "tserverctl"):
        (folder / name).symlink_to(programs / name)
    shutil.copy(programs / "tserver", folder)
    script = folder / "tserver-link"
    script.write_text("#!/bin/sh\nexec valgrind -q --leak-check=full --show-leak-kinds=definite,possible "
                      f"--log-file={folder}/report.%p {programs}/tserver-link \"$@\"\n")
    script.chmod(stat.S_IRWXU)
    return folder


def life(site):
    """Slow: valgrind takes thirty times as long, so every limit of time is far."""
    site.start_cluster()
    options = site.options()
    options["link-tls-1"] |= {"handshake-timeout": "60s", "connect-timeout": "60s"}
    site.start_tserver(options)
    site.wait_up(within=240)
    data = os.urandom(SIZE)
    with site.application() as application:
        application.settimeout(200)
        assert exchange(application, data) == data
        site.cluster.end()
        assert application.recv(1) == b"", "told that the far side has gone"
    site.start_cluster()
    site.wait_up(within=240)
    options["link-tls-1"]["keepalive-idle"] = "20s"
    site.write(options)
    for command in (["reload"], ["trust", "refresh", "link-tls-1"], ["link", "history", "link-tls-1"]):
        print(f"{' '.join(command)}: exit code {site.ctl(*command)[0]}", flush=True)
    assert site.stop_tserver(within=60) == 0
    site.start_tserver()
    site.wait_up(within=240)
    with site.application() as application:
        application.settimeout(200)
        assert exchange(application, data) == data
    assert site.stop_tserver(within=60) == 0


def main():
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        harness.PROGRAMS = prepare(harness.PROGRAMS, folder)
        with Site() as site:
            life(site)
        reports = {path.name: path.read_text() for path in sorted(folder.glob("report.*"))}
    found = {name: text for name, text in reports.items() if re.search(r"==\d+== \S", text)}
    for name, text in found.items():
        print(f"--- {name}\n{text}")
    print(f"{len(reports)} processes under valgrind in {time.monotonic() - begun:.0f} s, {len(found)} with a report")
    sys.exit(1 if found or len(reports) < 2 else 0)


if __name__ == "__main__":
    main()
