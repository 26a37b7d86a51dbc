"""Looks at a site under torture and says which promise is broken. Every look is cheap: the kernel's list of processes,
ucmsim's counts and notes, and one question to tserver's control socket.
"""
import http.client
import json
import os
import pathlib
import socket
import time

from harness import exchange

PATIENCE = 5.0  # for what may be true for a moment: a dead process not yet reaped, a link whose tserver is just gone


class Process:
    """One line of the kernel's table: pid, name, state, parent."""

    def __init__(self, entry):
        stat = (entry / "stat").read_text()
        rest = stat.rsplit(")", 1)[1].split()
        self.pid, self.name = int(entry.name), stat[stat.index("(") + 1:stat.rindex(")")]
        self.state, self.parent = rest[0], int(rest[1])

    def words(self):
        try:
            return pathlib.Path(f"/proc/{self.pid}/cmdline").read_bytes().decode().split("\0")[:-1]
        except OSError:
            return []  # ended meanwhile


def processes():
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            yield Process(entry)
        except (OSError, IndexError, ValueError):
            continue  # ended meanwhile


def ask_status(site):
    """The status over the control socket; nothing when there is no tserver to ask.
    @raise TimeoutError when it takes the question and does not answer"""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(str(site.control))
            client.sendall(b'{"command":"status"}\n')
            answer = b""
            while not answer.endswith(b"\n"):
                part = client.recv(1 << 16)
                if not part:
                    return None
                answer += part
            return json.loads(answer).get("status")
    except TimeoutError:
        raise
    except OSError:
        return None


class Watch:
    """The promises. `broken` holds what was seen against them; nothing is forgotten."""

    def __init__(self, site, console):
        self.site, self.console = site, console
        self.broken, self.first_seen = [], {}
        self.read = 0
        self.certificates = self.sessions_of_capf = None
        self.slowest_answer, self.last = 0.0, None
        self.looks = self.collisions = 0

    def begin(self):
        """What is true now, with every link up, is what must stay. A plain connection of our own proves that one is seen."""
        socket.create_connection((self.site.slot.address(1), self.site.port("cti")), timeout=5).close()
        until = time.monotonic() + PATIENCE
        while not self.plain_connections() and time.monotonic() < until:
            time.sleep(0.02)
        if not self.read:
            raise AssertionError("ucmsim does not note connections in clear: nothing could be found here")
        self.certificates = {l["name"]: l["identity"]["sha256"] for l in ask_status(self.site)["links"]}
        self.sessions_of_capf = self.site.counts()["capf_sessions"]

    def against(self, promise, what):
        if (promise, what) not in self.broken:
            self.broken.append((promise, what))
            print(f"BROKEN {promise}: {what}", flush=True)

    def lasts(self, key):
        """Whether this has been seen at every look for longer than the patience."""
        return time.monotonic() - self.first_seen.setdefault(key, time.monotonic()) > PATIENCE

    def look(self, tserver_answers=True, cluster_answers=True):
        self.looks += 1
        self.look_at_processes(tserver_answers)
        if self.plain_connections():
            self.against("never in clear", "the plain port of the CTIManager was connected to")
        if cluster_answers:
            self.look_at_cluster()
        return self.look_at_status() if tserver_answers else None

    def plain_connections(self):
        """How many connections to the plain port ucmsim has noted since the last look."""
        with open(self.site.cluster.log, "rb") as file:
            file.seek(self.read)
            fresh = file.read()
        whole = fresh[:fresh.rfind(b"\n") + 1]
        found = whole.count(b" plain from=")
        if found or self.certificates:
            self.read += len(whole)
        return found

    def look_at_cluster(self):
        counts = self.site.counts()
        if counts["cti_collisions"] > self.collisions:
            self.collisions = counts["cti_collisions"]
            self.against("one session of an identity", f"{self.collisions} collisions at the CTIManager")
        if counts["capf_sessions"] != self.sessions_of_capf:
            self.against("no second enrolment", f"{counts['capf_sessions']} CAPF sessions, {self.sessions_of_capf} before")
            self.sessions_of_capf = counts["capf_sessions"]

    def look_at_status(self):
        begun = time.monotonic()
        try:
            status = ask_status(self.site)
        except TimeoutError:
            self.against("status is answered", f"not within {PATIENCE:g} s")
            return None
        self.slowest_answer = max(self.slowest_answer, time.monotonic() - begun)
        self.last = status
        for link in status["links"] if status else []:
            shown = link["identity"]["sha256"] if link.get("identity") else None
            if shown and shown != self.certificates[link["name"]]:
                self.against("the identity stays", f"{link['name']} has {shown}")
            if link["state"] == "plain":
                self.against("never in clear", f"{link['name']} says it is in clear")
        return status

    def of_site(self, process):
        try:
            return os.readlink(f"/proc/{process.pid}/fd/2") == f"{self.site.directory}/tserver.log"
        except OSError:
            return False  # a zombie, or ended

    def look_at_processes(self, reaps=True):
        """One process a link, no zombie, no orphan. A tserver that is stopped reaps nobody."""
        tserver = self.site.tserver.pid
        seen, of_link = set(), {}
        for process in processes():
            ours = process.parent in (tserver, self.console.pid)
            if ours and process.state == "Z" and reaps:
                seen.add(("zombie", process.pid))
            if process.state == "Z" or process.name != "tserver-link":
                continue
            if process.parent == tserver:
                of_link.setdefault(process.words()[-1] if process.words() else "?", []).append(process.pid)
            elif self.of_site(process):
                seen.add(("orphan", process.pid))
        for name, pids in of_link.items():
            if len(pids) > 1 and name != "?":
                self.against("one process a link", f"{name} has {pids}")
        self.first_seen = {key: at for key, at in self.first_seen.items() if key in seen}
        for key in seen:
            if self.lasts(key):
                self.against(f"no {key[0]}", f"process {key[1]} for more than {PATIENCE:g} s")
        return {name: pids[0] for name, pids in of_link.items()}

    # --- when every cause is gone ---

    def all_up(self, status):
        """Every link says so, and with a process that lives."""
        if not status or any(l["state"] != "up" for l in status["links"]):
            return False
        return all(pathlib.Path(f"/proc/{l['pid']}").exists() for l in status["links"])

    def console_says(self, path):
        connection = http.client.HTTPConnection(*self.console.address, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def carries(self, n):
        """Whether octets go to the CTIManager of link n and come back."""
        try:
            with socket.create_connection(self.site.listen(n), timeout=PATIENCE) as application:
                return exchange(application, b"octets of an application") == b"octets of an application"
        except (OSError, AssertionError):
            return False

    def one_session_each(self):
        open_now = [c for c in self.site.tell_cluster("status")["connections"] if not c["half_closed"]]
        return sorted(c["instance"] for c in open_now) == sorted(
            self.site.instance(n) for n in range(1, len(self.site.names) + 1))
