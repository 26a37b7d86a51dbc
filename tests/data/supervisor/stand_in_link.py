#!/usr/bin/python3 -IS
"""A stand-in for tserver-link that speaks the frames of src/control/channel.hpp by a second implementation.

What it does wrong is in its link's name: dies (at once), starves (as one without memory), tells (why it ends), deaf (no Ready), silent (answers no Ping), stubborn (neither
the stop frame nor SIGTERM ends it), garbled (sends nonsense), retries (fails twice before it is up). It notes each frame it gets in <name>.frames beside
itself when that file exists.
"""
import json
import os
import signal
import socket
import struct
import sys

CONFIGURE, ENROL, CONFIRM, REFRESH, STOP, PING = range(1, 7)
READY, STATUS, PONG, ANSWER, LOGGED, LAST_WORDS = range(65, 71)

name = sys.argv[1]
notes = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".frames")
channel = socket.socket(fileno=3)
channel.setblocking(True)


def take(count):
    got = b""
    while len(got) < count:
        part = channel.recv(count - len(got))
        if not part:
            sys.exit(3)  # tserver is gone
        got += part
    return got


def send(kind, payload=b""):
    channel.sendall(struct.pack(">IB", len(payload), kind) + payload)


def status():
    nothing = dict.fromkeys
    return {
        "name": name, "state": "up", "since": "2026-11-25T10:00:00Z", "tls": True, "instance_id": "cti01",
        "ctimanager": "10.1.1.5:2749", "listen": "127.0.1.1:2748", "reason": None, "identity": None, "trust": None,
        "application": {"connected": True, "since": "2026-11-25T10:00:00Z"},
        "bytes": {"to_ctimanager": 5, "to_application": 7}, "restarts": 0, "pending_restart": [], "pid": None,
        "profile": "cluster", "tls_version": None, "tls_suite": None,
        "times": nothing(["start_to_up_ms", "trust_ms", "enrolment_ms", "session_ms", "recovery_ms"]),
        "counters": nothing(["reconnects", "applications", "applications_refused", "unclean_closes", "enrolments",
                             "handshake_ms"], 0), "notes": [], "failures": {}}


if name == "dies":
    sys.exit(7)
if name == "starves":
    sys.exit(44)
if name == "tells":
    send(LAST_WORDS, json.dumps({"fault": "SANDBOX", "detail": "seccomp: Permission denied", "action": ""}).encode())
    sys.exit(48)
if name == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    length, kind = struct.unpack(">IB", take(5))
    payload = take(length)
    if os.path.exists(notes):
        with open(notes, "a") as file:
            file.write(f"{kind}\n")
    if kind == CONFIGURE and name == "garbled":
        send(STATUS, b"{")
    elif kind == CONFIGURE and name != "deaf":
        send(READY)
        if name == "retries":
            refused = {"fault": "CTI_REFUSED", "detail": "10.1.1.5:2749: Connection refused", "action": ""}
            for state, reason in (("waiting", refused), ("connecting", refused)) * 2:
                send(STATUS, json.dumps(status() | {"state": state, "reason": reason}).encode())
        send(STATUS, json.dumps(status()).encode())
        if name == "forger":  # in the name of another link, with a number and a time of its own
            send(LOGGED, json.dumps({"id": 8103, "link": "other", "sequence": 77, "time": "2001-01-01T00:00:00.000Z",
                                     "fields": {"took": "5ms"}}).encode())
    elif kind == STOP and name != "stubborn":
        sys.exit(0)
    elif kind == PING and name != "silent":
        send(PONG)
    elif kind == ENROL:
        request, = struct.unpack(">I", payload[:4])
        code = payload[4:].decode()
        if code == "0000":
            os.kill(os.getpid(), signal.SIGKILL)
        good = {"request": request, "ok": True, "text": f"enrolled with {len(code)} digits"}
        bad = {"request": request, "ok": False, "error": {"fault": "CAPF_AUTH_CODE", "detail": "reason 7", "action": ""}}
        send(ANSWER, json.dumps(bad if code == "9999" else good).encode())
