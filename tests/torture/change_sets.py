#!/usr/bin/env python3
"""Random sets of changes to the configuration: what `config plan` says is compared with what happens.

    TSERVER_BIN=build/release/bin tests/torture/change_sets.py [--sets 1000] [--seed 1]

Four links with TLS, each with an application whose octets go round and round. A set changes one to six things anywhere in
the file; one in eight holds a mistake. Observed are: which applications were cut off, what status shows as pending, whether a
new configuration counts, and that every link is up again. Exit code 1: something was not as planned.
"""
import argparse
import collections
import copy
import json
import pathlib
import random
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "behaviour"))
import harness  # noqa: E402

LINKS = 4


class Changes:
    """Draws sets of changes. What was drawn stays in `options` unless it was a mistake."""

    def __init__(self, site, seed):
        self.site, self.random, self.options = site, random.Random(seed), site.options()
        self.instances = 0
        self.enrolled = set()  # instance IDs whose code was used
        self.taken_out = {}
        self.ways = [self.at_once] * 6 + [self.cluster] * 3 + [self.daemon, self.servers, self.listen, self.profile, self.required,
                                                               self.used_code, self.instance, self.links]

    def draw(self):
        """The sections to write, and whether they hold a mistake."""
        for way in self.random.choices(self.ways, k=self.random.randint(1, 6)):
            way()
        if self.random.random() >= 0.125:
            return self.options, False
        spoiled = copy.deepcopy(self.options)
        name = self.random.choice(self.names())
        spoiled[name] |= self.random.choice([{"no-such-option": "1"}, {"connect-timeout": "fast"}, {"hostname": ""},
                                             {"listen": spoiled[self.another(name)]["listen"]}])
        return spoiled, True

    def names(self):
        return [name for name in self.site.names if name in self.options]

    def another(self, name):
        return self.random.choice([other for other in self.names() if other != name])

    def one(self):
        return self.options[self.random.choice(self.names())]

    def seconds(self, least, most):
        return f"{self.random.randint(least, most)}s"

    def at_once(self):
        option, value = self.random.choice([
            ("connect-timeout", self.seconds(5, 30)), ("handshake-timeout", self.seconds(5, 30)), ("reconnect-max", self.seconds(1, 5)),
            ("keepalive-idle", self.seconds(5, 60)), ("keepalive-interval", self.seconds(2, 9)), ("user-timeout", self.seconds(20, 90)),
            ("keepalive-probes", self.random.randint(3, 9)), ("tls-enrol-timeout", self.seconds(60, 300)),
            ("tls-server-expiry", self.random.choice(["accept", "refuse"])), ("tls-capf-version", self.random.choice([1, 3]))])
        self.random.choice([self.one(), self.options["link-tls"]])[option] = value

    def cluster(self):
        option, value = self.random.choice([
            ("tls-tftp-timeout", self.seconds(10, 60)), ("trust-refresh", f"{self.random.randint(1, 24)}h"),
            ("tls-ctl-http-port", self.random.randint(1024, 9999)), ("tls-tftp-host", self.site.slot.address(self.random.randint(1, 2))),
            ("tls-capf-host", self.site.slot.address(self.random.randint(1, 2)))])
        self.options["link-tls"][option] = value

    def daemon(self):
        self.options["TServer"]["log-level"] = self.random.choice(["standard", "interaction", "trace"])

    def servers(self):
        """The CTIManager that answers first, others behind it."""
        others = [self.site.slot.address(n) for n in self.random.sample([2, 3, 4], self.random.randint(0, 3))]
        self.one()["hostname"] = ", ".join([self.site.slot.address(1), *others])

    def listen(self):
        name = self.random.choice(self.names())
        self.options[name]["listen"] = f"{self.site.slot.address(100 + self.random.randint(0, 9) * 10 + self.site.names.index(name))}:2748"

    def profile(self):
        self.random.choice([self.one(), self.options["link-tls"]])["tls-profile"] = self.random.choice(["cluster", "modern"])

    def required(self):
        self.random.choice([self.one(), self.options["link-tls"]])["tls-required"] = self.random.choice(["true", "false"])

    def used_code(self):
        """The code that was used, taken out or written again."""
        link = self.one()
        if link["tls-instance-id"] in self.enrolled and link.pop("tls-auth-code", None) is None:
            link["tls-auth-code"] = self.site.code

    def instance(self):
        """A profile of its own on the cluster, with a code."""
        self.instances += 1
        link = self.one()
        link |= {"tls-instance-id": f"other{self.instances:04}", "tls-auth-code": self.site.code}
        answer = self.site.tell_cluster(f"profile user=cti,instance={link['tls-instance-id']},code={self.site.code}")
        assert answer["ok"], answer

    def links(self):
        """A link is taken out, put back, or numbered anew."""
        name = self.random.choice(self.site.names)
        numbers, index = self.options["TServer"], self.site.names.index(name) + 1
        number = next((option for option, value in numbers.items() if value == name), None)
        if number is None:
            numbers[f"link-{index}-name"] = name
            self.options[name] = copy.deepcopy(self.taken_out.pop(name))
        elif number != f"link-{index}-name" or self.random.random() < 0.5:
            del numbers[number]
            numbers[f"link-{index if number != f'link-{index}-name' else index + 20}-name"] = name
        elif len(self.names()) > 2:
            del numbers[number]
            self.taken_out[name] = self.options.pop(name)


class Observer:
    """The applications of all links, and what is seen of a change."""

    def __init__(self, site):
        self.site, self.applications = site, {}
        self.reconnect()

    def reconnect(self):
        """Waits until every link is up; each that has no application gets one."""
        for name in [link["name"] for link in self.site.wait_up()["links"] if link["name"] not in self.applications]:
            self.applications[name] = harness.wait_for(f"{name} takes an application", lambda: self.connect(name), 20)
        return self.site.wait_up()

    def connect(self, name):
        """An application that had an answer; none while the link is on its way to another address."""
        link = next(link for link in self.site.status()["links"] if link["name"] == name)
        host, port = link["listen"].rsplit(":", 1)
        try:
            connection = socket.create_connection((host, int(port)), timeout=20)
            harness.exchange(connection, b"first")
            return connection
        except (OSError, AssertionError):
            return None

    def cut_off(self, planned):
        """Names of the links whose application was cut off. Those planned are waited for."""
        cut = set()
        for name, connection in list(self.applications.items()):
            connection.settimeout(15)
            try:
                if name in planned:
                    if connection.recv(1) == b"":
                        raise ConnectionError
                elif harness.exchange(connection, b"still here") == b"still here":
                    continue
            except (ConnectionError, AssertionError):
                cut.add(name)
                connection.close()
                del self.applications[name]
            except TimeoutError:
                pass  # planned, and not seen
        return cut


def carry_out(site, changes, observer):
    """One set. What differs from the plan, in words."""
    sections, spoiled = changes.draw()
    differs = []
    before = site.status()
    site.write(sections)
    planned = site.directory / "planned.conf"
    site.config.rename(planned)
    code, out, errors = site.ctl("--json", "config", "plan", planned)
    plan = json.loads(out)["plan"]["changes"] if code == 0 else []
    if (code != 0) != spoiled and not any(change["effect"] == "refused" for change in plan):
        differs.append(f"config plan ended with {code}: {errors}")
    refused = code != 0 or any(change["effect"] == "refused" for change in plan)
    planned.replace(site.config)
    taken, out, errors = site.ctl("--json", "reload")
    if (taken != 0) != refused:
        differs.append(f"reload ended with {taken}: {errors or out}")
    resets = set() if refused else {change["link"] for change in plan if change["effect"] == "link_reset"}
    cut = observer.cut_off(resets)
    after = observer.reconnect()
    cut |= observer.cut_off(set())
    if cut != resets:
        differs.append(f"cut off: {sorted(cut)}, planned: {sorted(resets)}")
    if (after["generation"] > before["generation"]) == refused:
        differs.append(f"generation {before['generation']} before, {after['generation']} now")
    for link in [] if refused else after["links"]:
        pending = sorted({change["option"] for change in plan if change["effect"] == "restart" and change["link"] in ("", link["name"])})
        if sorted(link["pending_restart"]) != pending:
            differs.append(f"{link['name']}: pending {link['pending_restart']}, planned {pending}")
    observer.reconnect()
    if not refused:
        changes.enrolled |= {changes.options[name]["tls-instance-id"] for name in changes.names() if name in observer.applications}
    return plan, refused, [f"{each}; plan: {json.dumps(plan)}" for each in differs]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()

    effects, refusals, different = collections.Counter(), 0, 0
    begun = time.monotonic()
    with harness.Site(links=LINKS) as site:
        site.code = harness.CODE
        site.start_cluster()
        changes = Changes(site, wanted.seed)
        site.start_tserver(changes.options)
        observer = Observer(site)
        changes.enrolled = {site.instance(n) for n in range(1, LINKS + 1)}
        for number in range(1, wanted.sets + 1):
            plan, refused, differs = carry_out(site, changes, observer)
            effects.update(change["effect"] for change in ([] if refused else plan))
            refusals += refused
            different += bool(differs)
            for each in differs:
                print(f"set {number}: {each}", flush=True)
        print(f"{wanted.sets} sets of changes (seed {wanted.seed}) in {time.monotonic() - begun:.0f} s: {refusals} refused, of the others "
              + ", ".join(f"{count} × {effect}" for effect, count in sorted(effects.items())) + f"; {different} not as planned")
        code = site.stop_tserver(within=10)
    return 1 if different or code != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
