#!/usr/bin/env python3
"""The main job, told while it happens: a simulated cluster, three links from nothing, traffic, a loss, a restart."""
import hashlib
import os
import pathlib
import signal
import socket
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/behaviour"))
sys.dont_write_bytecode = True
from harness import CODE, Site, receive, wait_for  # noqa: E402

LINKS = 3
OCTETS = 4 << 20


def say(text=""):
    print(text, flush=True)


def step(number, text):
    say(f"\n\033[1m{number}. {text}\033[0m" if sys.stdout.isatty() else f"\n{number}. {text}")


def shown(site, *words):
    """Lines of tserver's log with one of the words, shortened."""
    for line in site.log().splitlines():
        if any(word in line for word in words):
            say("   | " + (line if len(line) < 200 else line[:197] + "…"))


def echoed(site, n, octets):
    """Sends through link n and reads the same octets back, both at once; the digests of both."""
    sent = os.urandom(octets)
    with site.application(n) as application:
        sender = threading.Thread(target=application.sendall, args=(sent,))
        sender.start()
        got = receive(application, octets)
        sender.join()
    return hashlib.sha256(sent).hexdigest(), hashlib.sha256(got).hexdigest(), sent


def carry(site):
    """All links at once; fails unless every octet came back."""
    results = {}
    threads = [threading.Thread(target=lambda n=n: results.update({n: echoed(site, n, OCTETS)})) for n in range(1, LINKS + 1)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started
    recorded = {hashlib.sha256(path.read_bytes()).hexdigest() for path in site.recorded.glob("*.in")}
    for n in range(1, LINKS + 1):
        if n not in results:
            sys.exit(f"link {n} carried nothing: {site.link(n)}")
        sent, got, _ = results[n]
        same = sent == got and sent in recorded
        say(f"   link {n}: {OCTETS:,} octets up and down, SHA-256 {sent[:16]}… {'identical on all three ends' if same else 'DIFFERENT'}")
        if not same:
            sys.exit("octets were changed on the way")
    say(f"   {2 * LINKS * OCTETS / 1e6 / seconds:.0f} MB/s over all links, with a client in Python")


def times(status, key):
    return [link["times"][key] for link in status["links"]]


def lose_ctimanager(site):
    """The node in use dies under an application; when the application is told, and when the link is back."""
    node = 1
    before = site.link(1)["ctimanager"]
    with site.application(1) as application:
        application.sendall(b"in the middle of a call")
        receive(application, len(b"in the middle of a call"))
        killed = time.monotonic()
        site.tell_cluster(f"cti down {node}")
        try:
            told = "closed" if application.recv(1) == b"" else "data"
        except ConnectionResetError:
            told = "reset"
        told_after = time.monotonic() - killed
    say(f"   the application was told after {told_after * 1000:.0f} ms (connection {told})")
    # The application is told before tserver is: the status may still be the one of before.
    status = site.wait("every link up on the other CTIManager", lambda s: all(
        link["state"] == "up" and link["ctimanager"] != before for link in s["links"]), 60)
    say(f"   link 1 is up on the other CTIManager {status['links'][0]['ctimanager']} after "
        f"{status['links'][0]['times']['recovery_ms']} ms")
    site.tell_cluster(f"cti up {node}")
    return told_after, status["links"][0]["times"]["recovery_ms"]


def indented(text):
    return "   " + text.rstrip().replace("\n", "\n   ")


def renew_certificates(site):
    """The night's classic: new CallManager certificates, and nobody updated the list. What the operator reads; then it is mended."""
    for node in (1, 2):
        site.tell_cluster(f"list renew-only {node}")
    site.tell_cluster("cti drop")
    site.wait("every link names it", lambda s: all((link["reason"] or {}).get("fault") == "CTL_NOT_UPDATED" for link in s["links"]),
              60)
    _, rows, _ = site.ctl("doctor", "--config", site.config, site.names[0])
    say(indented(rows))
    mended = time.monotonic()
    site.tell_cluster("list update")
    site.wait_up(within=90)
    say(f"   the administrator updates the list; all links are up again by themselves after {time.monotonic() - mended:.1f} s")


def start(site, codes):
    options = site.options()
    for name in site.names:
        options[name]["hostname"] = ", ".join(dict.fromkeys(
            address.rsplit(":", 1)[0] for address in site.ports["cti-tls"].split(",")))
        if not codes:
            del options[name]["tls-auth-code"]
    site.write(options)
    site.start_tserver()
    return site.wait_up(within=120)


def main():
    stay = "--stay" in sys.argv[1:]
    with Site(links=LINKS) as site:
        step(1, "A simulated cluster: TFTP, CAPF, two CTIManagers, and a CAPF profile for each of three links")
        first = site.slot.address(1)
        free = socket.create_server((first, 0))
        port = free.getsockname()[1]
        free.close()
        site.ports["cti-tls"] = f"{first}:{port}"
        site.start_cluster("--cti-tls", f"{site.slot.address(2)}:{port}", "--list-digest", "sha512")
        say(f"   ucmsim: {' '.join(f'{k}={v}' for k, v in site.ports.items() if k != 'control')}")

        step(2, "tserver from an empty directory: trust list, one certificate per link, mutual TLS")
        cold = start(site, codes=True)
        shown(site, " 24101 ", " 24102 ", " 24201 ", " 24202 ", " 8103 ")

        step(3, f"An unmodified plain TCP client through each link, {OCTETS >> 20} MiB each way")
        carry(site)

        step(4, "The CTIManager dies in the middle of a session")
        told, recovery = lose_ctimanager(site)

        step(5, "tserver is stopped, the codes are taken out of the file, and it is started again")
        before = site.tell_cluster("status")["counts"]["capf_connections"]
        if site.stop_tserver() != 0:
            sys.exit("tserver did not stop cleanly")
        warm = start(site, codes=False)
        asked = site.tell_cluster("status")["counts"]["capf_connections"] - before
        say(f"   all links are up again; CAPF was asked {asked} times")
        if asked:
            sys.exit("a restart must not ask CAPF")
        carry(site)

        step(6, "The CallManager certificates are renewed, the list is not: tserverctl doctor")
        renew_certificates(site)

        step(7, "tserverctl status")
        _, table, _ = site.ctl("status")
        say(indented(table))
        summary(site, cold, warm, told, recovery)
        if stay:
            hold(site)


def summary(site, cold, warm, told, recovery):
    say("Summary")
    for before, after in zip(cold["links"], warm["links"]):
        say(f"   {after['name']}: {after['identity']['subject']}, {after['identity']['days_left']} days left, "
            f"start to up {before['times']['start_to_up_ms']} ms cold, {after['times']['start_to_up_ms']} ms warm")
    say(f"   {4 * LINKS * OCTETS:,} octets relayed and compared, 0 different")
    say(f"   CTIManager lost: application told after {told * 1000:.0f} ms, link up on the other one after {recovery} ms")
    say(f"   one code per link was used once ({CODE!r} is worth nothing now)")


def hold(site):
    say("\nIt keeps running until Ctrl-C. Look at it from another terminal:")
    ctl = f"{ROOT}/build/release/bin/tserverctl --control {site.control}"
    say(f"   {ctl} status --watch\n   {ctl} trust show --held\n   {ctl} --json status")
    say(f"   log: {site.directory}/tserver.log   configuration: {site.config}")
    for n in range(1, LINKS + 1):
        host, port = site.listen(n)
        say(f"   link {n}: connect a client to {host}:{port}, it echoes what you type")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        wait_for("Ctrl-C", lambda: False, within=float("inf"), step=1.0)
    except KeyboardInterrupt:
        say("stopped")


if __name__ == "__main__":
    main()
