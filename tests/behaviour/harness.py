"""A whole small site for one behaviour test: ucmsim, tserver with its links, applications, and tserverctl.

    with Site(links=2) as site:
        site.start_cluster()
        site.start_tserver()
        site.wait("all links up", lambda s: all(l["state"] == "up" for l in s["links"]))
        with site.application(1) as application:
            application.sendall(b"hello")

Each site has loopback addresses of its own (127.100.n.*, n held by a lock that the kernel drops with the process), a
directory of its own, and ends every process it started. Programs are taken from $TSERVER_BIN. Waiting is always on a
condition with a deadline; there is no other sleep.
"""
import ctypes
import fcntl
import json
import mmap
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("TSERVER_BIN", ROOT / "build/release/bin")).resolve()
CODE = "123456"
PASSPHRASE = "a passphrase of the test"


class Slot:
    """A number that nobody else on this machine holds at the moment."""

    def __init__(self):
        folder = pathlib.Path(tempfile.gettempdir()) / f"tserver-test-slots.{os.getuid()}"
        folder.mkdir(exist_ok=True)
        for self.number in range(1, 4000):
            self.file = open(folder / str(self.number), "w")
            try:
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                self.file.close()
        raise RuntimeError("no free slot")

    def address(self, host):
        return f"127.{100 + self.number // 250}.{self.number % 250}.{host}"


def wait_for(what, condition, within=30.0, step=0.05):
    """The first true value of `condition`; fails when none comes in time."""
    until = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"not within {within:g} s: {what}")
        time.sleep(step)


class Clock:
    """The wall clock of the programs that are started with its environment: shown wrong by so many seconds. The steady
    clock, which all waiting goes by, stays the real one."""

    library = PROGRAMS / "clock_shift.so"

    def __init__(self, directory):
        path = pathlib.Path(directory) / "clock-shift"
        path.write_bytes(bytes(8))
        with open(path, "r+b") as file:
            self.shared = mmap.mmap(file.fileno(), 8)
        self.environment = {"LD_PRELOAD": str(self.library), "TSERVER_CLOCK_SHIFT": str(path)}

    def set(self, days=0.0, seconds=0):
        """So far from the real time."""
        self.shared[:] = int(days * 86400 + seconds).to_bytes(8, sys.byteorder, signed=True)


class Program:
    """A process with its standard error in a file; its own session, so that all of it can be ended."""

    @staticmethod
    def end_with_parent():
        """A test that is killed leaves nothing behind: PR_SET_PDEATHSIG (prctl(2))."""
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)

    def __init__(self, arguments, log, environment=None):
        self.log = pathlib.Path(log)
        with open(log, "ab") as errors:
            self.process = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
                                            env=environment, preexec_fn=self.end_with_parent)
        self.pid = self.process.pid

    def line(self, start, within=60.0):
        """The first line of standard output that begins so."""
        os.set_blocking(self.process.stdout.fileno(), False)
        text = b""

        def look():
            nonlocal text
            text += self.process.stdout.read() or b""
            found = [part for part in text.decode().splitlines(True) if part.startswith(start) and part.endswith("\n")]
            if not found and self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}: {self.log.read_text()}")
            return found and found[0].rstrip("\n")

        return wait_for(f"line {start!r}", look, within)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, within=10.0):
        return self.process.wait(within)

    def end(self):
        if self.process.poll() is None:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process.stdout.close()


LOAD, AND, EQUAL, ANSWER = 0x20, 0x54, 0x15, 0x06  # BPF: load a word, and, jump if equal, return
ALLOW, WITH_ERROR = 0x7FFF0000, 0x00050000


def refuse_call(number, error):
    """For a child before it starts its program: the kernel answers this system call with the error from now on (seccomp(2),
    as a container does)."""
    set_filter((LOAD, 0, 0, 0), (EQUAL, 0, 1, number), (ANSWER, 0, 0, WITH_ERROR | error), (ANSWER, 0, 0, ALLOW))


def set_filter(*steps):
    """For a child before it starts its program: this filter for its system calls, and for those of all it starts."""
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    octets = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(steps), ctypes.addressof(octets))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, set_seccomp, filtered = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) != 0 or libc.prctl(set_seccomp, filtered, program) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


class Site:
    def __init__(self, links=1):
        self.slot = Slot()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tserver-test-"))
        self.names = [f"link-tls-{n}" for n in range(1, links + 1)]
        self.config = self.directory / "tserver.conf"
        self.control = self.directory / "control"
        self.store = self.directory / "store"
        self.recorded = self.directory / "recorded"
        self.store.mkdir(mode=0o700)
        self.recorded.mkdir()
        self.programs = []
        self.cluster = self.tserver = None
        self.ports = {}

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            for log in sorted(self.directory.glob("*.log")):
                print(f"--- {log.name} ---\n{log.read_text(errors='replace')[-6000:]}", file=sys.stderr)
        for program in reversed(self.programs):
            program.end()
        left = self.end_left_behind()
        shutil.rmtree(self.directory, ignore_errors=True)
        self.slot.file.close()
        if left and kind is None:
            raise AssertionError(f"these processes of the test outlived their tserver: {left}")

    def left_behind(self, log=""):
        """Pids of processes that still write to this log of the site, or to any."""
        out = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(entry / "fd/2").startswith(f"{self.directory}/{log}"):
                    out.append(int(entry.name))
            except OSError:
                continue  # ended meanwhile, a zombie, or another user's
        return out

    def end_left_behind(self):
        """After every program has ended its links end too, soon; the others are ended here and named."""
        try:
            wait_for("every process of the site to end", lambda: not self.left_behind(), 15)
            return []
        except AssertionError:
            left = self.left_behind()
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            return left

    # --- the cluster -------------------------------------------------------------------------------------------

    def instance(self, n):
        return f"cti{n:02}"

    def listen(self, n):
        return self.slot.address(10 + n), 2748

    def start_cluster(self, *arguments):
        """ucmsim on ports of its own choice, kept when it is started again."""
        address = self.slot.address(1)
        command = [PROGRAMS / "ucmsim", "--state", self.directory / "cluster", "--record", self.recorded,
                   "--control", self.directory / "ucmsim.control"]
        for service in ("tftp", "capf", "cti", "cti-tls"):
            command += [f"--{service}", self.ports.get(service, f"{address}:0")]
        for n in range(1, len(self.names) + 1):
            command += ["--profile", f"user=cti,instance={self.instance(n)},code={CODE}"]
        self.cluster = self.run(command + list(arguments), "ucmsim.log")
        ready = self.cluster.line("ready")
        self.ports = dict(part.split("=", 1) for part in ready.split()[1:])
        return self.cluster

    def port(self, service):
        return int(self.ports[service].split(",")[0].rsplit(":", 1)[1])

    def tell_cluster(self, line):
        """A command of ucmsim's control socket; its answer."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(self.directory / "ucmsim.control"))
            client.sendall(line.encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                part = client.recv(65536)
                if not part:
                    break
                answer += part
        return json.loads(answer)

    def counts(self):
        """What ucmsim has counted since its start."""
        return self.tell_cluster("status")["counts"]

    def arm(self, n, code):
        """Sets the CAPF profile of link n to Install/Upgrade with this code, as the administrator does."""
        answer = self.tell_cluster(f"profile user=cti,instance={self.instance(n)},code={code}")
        assert answer["ok"], answer

    # --- tserver -----------------------------------------------------------------------------------------------

    def options(self, tls=True, **more):
        """Sections of the configuration as a dictionary of dictionaries, to be changed before write()."""
        address = self.slot.address(1)
        out = {"TServer": {f"link-{n}-name": name for n, name in enumerate(self.names, 1)}, "link-tls": {}}
        if tls:
            out["link-tls"] = {
                "password": PASSPHRASE, "tls-cert-path": self.store,
                "tls-capf-host": address, "tls-capf-port": self.port("capf"),
                "tls-tftp-host": address, "tls-tftp-port": self.port("tftp")}
        for n, name in enumerate(self.names, 1):
            host, port = self.listen(n)
            out[name] = {"hostname": address, "port": self.port("cti-tls" if tls else "cti"),
                         "listen": f"{host}:{port}", "reconnect-min": "200ms", "reconnect-max": "1s"}
            if tls:
                out[name] |= {"tls-instance-id": self.instance(n), "tls-auth-code": CODE}
        for section, options in more.items():
            out[section.replace("_", "-")] |= options
        return out

    def write(self, options):
        """Replaces the file as an editor does."""
        text = "".join(f"[{section}]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items()) + "\n"
                       for section, lines in options.items())
        fresh = self.config.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(text)
        fresh.replace(self.config)

    def start_tserver(self, options=None, **environment):
        """With the options given, else with those of the file, else with options()."""
        if options is not None or not self.config.exists():
            self.write(options or self.options())
        self.tserver = self.run([PROGRAMS / "tserver", "--config", self.config, "--control", self.control],
                                "tserver.log", os.environ | environment)
        return self.tserver

    def stop_tserver(self, within=5.0):
        self.tserver.signal(signal.SIGTERM)
        return self.tserver.wait(within)

    def ctl(self, *arguments, given=""):
        """tserverctl: exit code, standard output, standard error."""
        done = subprocess.run([PROGRAMS / "tserverctl", "--control", self.control, *map(str, arguments)], input=given,
                              capture_output=True, text=True, timeout=150)
        return done.returncode, done.stdout, done.stderr

    def status(self):
        """The status as JSON; nothing while tserver does not answer."""
        _, out, _ = self.ctl("--json", "status")
        status = json.loads(out) if out else {}
        return status if "links" in status else None

    def link(self, n=1):
        return self.status()["links"][n - 1]

    def wait(self, what, condition, within=30.0):
        """The first status for which the condition holds."""
        seen = None

        def look():
            nonlocal seen
            seen = self.status()
            return seen if seen and condition(seen) else None

        try:
            return wait_for(what, look, within)
        except AssertionError as failure:
            raise AssertionError(f"{failure}; last status: {json.dumps(seen, indent=1)}") from None

    def blamed(self, fault, within=30.0):
        """Link 1, once its reason is of this class; the next status may have another."""
        return self.wait(fault, lambda s: s["links"][0]["reason"] and s["links"][0]["reason"]["fault"] == fault, within)["links"][0]

    def called(self, fault, within=40.0):
        """The class that link 1 gives as its reason, once that is `fault` or the time is over."""
        try:
            return self.blamed(fault, within)["reason"]["fault"]
        except AssertionError:
            status = self.status() or {"links": [{"reason": None}]}
            return (status["links"][0]["reason"] or {"fault": "nothing"})["fault"]

    def bring_up(self, **of_each_link):
        """Cluster and tserver, with these options in the section of each link, and waits until all are up."""
        self.start_cluster()
        settings = self.options()
        for name in self.names:
            settings[name] |= of_each_link
        self.start_tserver(settings)
        return self.wait_up()

    def wait_up(self, state="up", within=60.0):
        return self.wait(f"every link {state}", lambda s: all(l["state"] == state for l in s["links"]), within)

    def log(self):
        return (self.directory / "tserver.log").read_text(errors="replace")

    def faults_in_log(self, since=0):
        """Every class that the log has named after so many characters of it."""
        return re.findall(r"fault=([A-Z_]+)", self.log()[since:])

    def link_processes(self):
        """Pids of the children of tserver by the link's name, from the kernel."""
        out = {}
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent == self.tserver.pid:
                    out[(entry / "cmdline").read_bytes().split(b"\0")[-2].decode()] = int(entry.name)
            except (OSError, IndexError):
                continue  # ended meanwhile, or a zombie
        return out

    # --- applications ------------------------------------------------------------------------------------------

    def application(self, n=1, within=10.0):
        """A plain TCP client of link n."""
        def connect():
            try:
                return socket.create_connection(self.listen(n), timeout=20)
            except ConnectionRefusedError:
                return None
        return wait_for(f"connection to link {n}", connect, within)

    def refused(self, n=1):
        """Whether a connection to link n is refused."""
        try:
            socket.create_connection(self.listen(n), timeout=5).close()
        except ConnectionRefusedError:
            return True
        return False

    def run(self, command, log, environment=None):
        self.programs.append(Program(command, self.directory / log, environment))
        return self.programs[-1]


def gone(pid):
    """Whether the process has ended (a zombie has not)."""
    return not pathlib.Path(f"/proc/{pid}").exists()


def receive(connection, count):
    """Exactly so many octets."""
    out = b""
    while len(out) < count:
        part = connection.recv(count - len(out))
        if not part:
            raise AssertionError(f"the connection ended after {len(out)} of {count} octets")
        out += part
    return out


def exchange(connection, data):
    """What comes back for `data`, read while it is sent."""
    sending = threading.Thread(target=connection.sendall, args=(data,), daemon=True)
    sending.start()
    out = receive(connection, len(data))
    sending.join()
    return out


class Talk(threading.Thread):
    """An application that sends and expects the same back, again and again, until it is told to end."""

    def __init__(self, connection, block, pause):
        """@param block octets of an exchange  @param pause seconds between two"""
        super().__init__(daemon=True)
        self.connection, self.block, self.pause = connection, block, pause
        self.over, self.exchanges, self.problem = threading.Event(), 0, None

    def run(self):
        try:
            while not self.over.wait(self.pause):
                sent = os.urandom(self.block)
                if exchange(self.connection, sent) != sent:
                    raise AssertionError(f"other octets came back in exchange {self.exchanges + 1}")
                self.exchanges += 1
        except Exception as problem:  # every end is one
            self.problem = f"{type(problem).__name__}: {problem}"

    def end(self):
        """What went wrong, or nothing."""
        self.over.set()
        self.join(30)
        return "does not end" if self.is_alive() else self.problem


def read_to_end(connection):
    """Everything up to the end of the stream."""
    out = bytearray()
    while part := connection.recv(1 << 16):
        out += part
    return bytes(out)


class Named:
    """The table of failure classes: which was provoked, by what, and what the programs called it. Each row goes into the
    file $TSERVER_FAULTS_NAMED too, for scripts/fault_table.py."""

    def __init__(self):
        self.rows = []

    def add(self, fault, provoked_by, named, where):
        self.rows.append((fault, provoked_by, named, where))
        if record := os.environ.get("TSERVER_FAULTS_NAMED"):
            with open(record, "a") as file:
                file.write(json.dumps(self.rows[-1]) + "\n")

    def check(self, test):
        """Prints the table, and fails for every row that was called by another name."""
        widths = [max(len(str(row[i])) for row in self.rows) for i in range(4)]
        print()
        for row in self.rows:
            print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip(),
                  "" if row[0] == row[2] else "  <-- wrong")
        wrong = [row for row in self.rows if row[0] != row[2]]
        test.assertEqual(wrong, [], f"{len(wrong)} of {len(self.rows)} named wrongly")
