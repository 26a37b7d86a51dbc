#!/usr/bin/env python3
"""What is in packaging/ agrees with the programs and with itself: units, manual pages, completion, rules, dashboard.

    packaging_test.py SOURCE_DIR BIN_DIR
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

ROOT, BIN = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
PACKAGING = ROOT / "packaging"
UNITS = sorted((PACKAGING / "systemd").glob("*.service"))
MOST_EXPOSED = 2.0


def families():
    """The metrics there are, by name, from their table."""
    table = (ROOT / "src/console/metrics.cpp").read_text()
    return dict(re.findall(r'MetricFamily\{"(\w+)", "(\w+)"', table))


def expressions():
    """Every PromQL expression of the rules and of the dashboard."""
    rules = (PACKAGING / "prometheus/tserver.rules.yml").read_text()
    for line in re.findall(r"(?m)^\s+expr: (.*)$", rules):
        yield "rules", line
    dashboard = json.loads((PACKAGING / "grafana/tserver.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


class Units(unittest.TestCase):
    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze here")
    def test_exposure_is_at_most_2(self):
        for unit in UNITS:
            with self.subTest(unit.name):
                done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
                                      capture_output=True, text=True)
                found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout + done.stderr)
                self.assertTrue(found, done.stdout + done.stderr)
                self.assertLessEqual(float(found[1]), MOST_EXPOSED)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze here")
    def test_units_have_no_line_that_systemd_does_not_know(self):
        for unit in UNITS:
            with self.subTest(unit.name):
                done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
                complaints = [line for line in done.stderr.splitlines()
                              if unit.name in line and "is not executable" not in line]
                self.assertEqual(complaints, [])

    def test_every_unit_is_watched_and_tells_when_it_is_ready(self):
        for unit in UNITS:
            text = unit.read_text()
            with self.subTest(unit.name):
                self.assertIn("\nType=notify\n", text)
                self.assertRegex(text, r"\nWatchdogSec=\d+\n")
                self.assertNotRegex(text, r"\nUser=root\n")

    def test_F82_the_unit_lets_tserver_use_what_options_and_example_name(self):
        unit = (PACKAGING / "systemd/tserver.service").read_text()
        console = (PACKAGING / "systemd/tserver-console.service").read_text()
        example = (PACKAGING / "tserver.conf").read_text()
        writable = [pathlib.PurePath(base, name) for kind, base in
                    (("State", "/var/lib"), ("Runtime", "/run"), ("Logs", "/var/log"))
                    for name in re.findall(rf"(?m)^{kind}Directory=(\S+)$", unit)]
        self.assertEqual(len(writable), 3)
        options = {o["name"]: o for o in json.loads(subprocess.run(
            [BIN / "tserverctl", "--json", "config", "explain"], capture_output=True, text=True, check=True).stdout)["options"]}
        written = [re.search(r"(?m)^tls-cert-path = (\S+)$", example)[1], options["control-socket"]["default"],
                   *(options[name]["example"] for name in ("tls-cert-path", "control-socket", "log-file"))]
        for path in map(pathlib.PurePath, written):
            with self.subTest(path):
                self.assertTrue(any(path.is_relative_to(directory) for directory in writable), f"not among {writable}")
        config = re.search(r"(?m)^ExecStart=\S+ --config (\S+)$", unit)[1]
        hidden = re.findall(r"(?m)^(?:Inaccessible|TemporaryFileSystem)\w*=(.*)$", unit)
        self.assertEqual(hidden, [])
        self.assertTrue(config.startswith("/etc/"))
        self.assertNotRegex(" ".join([config, *written]), r"(^| )/(home|root|tmp|var/tmp|run/user)/")
        # The console gets to the control socket: the same user, and nothing hides the directory from it.
        hidden = re.search(r"(?m)^InaccessiblePaths=(.*)$", console)[1].replace("-/", "/").split()
        socket = pathlib.PurePath(options["control-socket"]["default"])
        self.assertFalse([h for h in hidden if socket.is_relative_to(h)])
        for text in (unit, console):
            self.assertIn("\nUser=tserver\n", text)
            self.assertRegex(text, r"\nRestrictAddressFamilies=.*\bAF_UNIX\b")

    def test_F81_the_units_filter_answers_with_an_error(self):
        for unit in UNITS:
            self.assertIn("\nSystemCallFilter=", unit.read_text(), unit.name)
            self.assertRegex(unit.read_text(), r"\nSystemCallErrorNumber=E(PERM|NOSYS)\n", unit.name)

    def test_the_passphrase_comes_as_a_credential_that_the_example_names(self):
        unit = (PACKAGING / "systemd/tserver.service").read_text()
        name = re.search(r"\nLoadCredential=([\w-]+):/etc/tserver/\1\n", unit)
        self.assertTrue(name)
        self.assertIn(f"\npassword-file = credential:{name[1]}\n", (PACKAGING / "tserver.conf").read_text())
        self.assertIn(f"/etc/tserver/{name[1]}", (PACKAGING / "debian/postinst").read_text())


class Words(unittest.TestCase):
    def test_pages_and_completion_say_what_the_program_says(self):
        done = subprocess.run([ROOT / "scripts/reference_pages.py", BIN / "tserverctl", "--check"], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_option_has_its_place_in_tserver_conf_5(self):
        page = (PACKAGING / "man/tserver.conf.5").read_text().replace("\\-", "-")
        for option in re.findall(r'Option\{Where::\w+, "([^"]+)"', (ROOT / "src/config/options.cpp").read_text()):
            self.assertIn(f".B {option} = ", page)

    @unittest.skipUnless(shutil.which("groff"), "no groff here")
    def test_manual_pages_have_no_complaint_of_roff(self):
        for page in sorted((PACKAGING / "man").iterdir()):
            with self.subTest(page.name):
                done = subprocess.run(["groff", "-man", "-Kutf8", "-Tutf8", "-ww", "-z", page], capture_output=True, text=True)
                complaints = [l for l in done.stderr.splitlines() if "can't break line" not in l and "cannot adjust" not in l]
                self.assertEqual((done.returncode, complaints), (0, []))

    def complete(self, *words):
        """What bash offers for the last word."""
        line = " ".join(words)
        script = (f'PATH="{BIN}:$PATH"; source "{PACKAGING}/completion/tserverctl"; COMP_WORDS=({line} {"" if words[-1] else chr(39)*2});'
                  f' COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); _tserverctl; printf "%s\\n" "${{COMPREPLY[@]}}"')
        done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_completion_offers_commands_switches_and_options(self):
        self.assertLessEqual({"status", "events", "config", "trust"}, self.complete("tserverctl", ""))
        self.assertEqual(self.complete("tserverctl", "ev"), {"events"})
        self.assertLessEqual({"check", "plan", "explain"}, self.complete("tserverctl", "--json", "config", ""))
        self.assertEqual(self.complete("tserverctl", "events", "--fo"), {"--follow"})
        self.assertEqual(self.complete("tserverctl", "config", "explain", "tls-inst"), {"tls-instance-id"})

    def test_openapi_knows_every_path_and_state(self):
        text = (ROOT / "doc/openapi.yaml").read_text()
        served = re.search(r"known\{([^}]*)\}", (ROOT / "src/console/server.cpp").read_text())[1]
        self.assertEqual(set(re.findall(r"(?m)^  (/\S*):$", text)), set(re.findall(r'"(/[^"]+)"', served)))
        states = re.search(r"state_names\{([^}]*)\}", (ROOT / "src/control/status.cpp").read_text())[1]
        listed = re.search(r"State:\n      type: string\n      enum: \[([^\]]*)\]", text)[1]
        self.assertEqual(listed.split(", "), re.findall(r'"(\w+)"', states))


class Monitoring(unittest.TestCase):
    def test_rules_and_dashboard_use_metrics_that_exist(self):
        known = families()
        self.assertGreater(len(known), 20)
        for place, expression in expressions():
            used = set(re.findall(r"\btserver_\w+", expression))
            self.assertTrue(used, f"{place}: {expression}")
            self.assertLessEqual(used, set(known), f"{place}: {expression}")

    def test_only_counters_are_counted(self):
        known = families()
        for place, expression in expressions():
            for name in re.findall(r"(?:rate|increase)\((\w+)", expression):
                self.assertEqual(known[name], "counter", f"{place}: {expression}")

    def test_every_alert_is_complete(self):
        rules = (PACKAGING / "prometheus/tserver.rules.yml").read_text()
        alerts = re.split(r"(?m)^      - alert: ", rules)[1:]
        self.assertGreater(len(alerts), 10)
        self.assertEqual(len({a.splitlines()[0] for a in alerts}), len(alerts))
        for alert in alerts:
            for part in ("expr: ", "severity: ", "summary: ", "description: "):
                self.assertIn(part, alert, alert.splitlines()[0])

    @unittest.skipUnless(shutil.which("promtool"), "no promtool here")
    def test_promtool_takes_the_rules(self):
        done = subprocess.run(["promtool", "check", "rules", PACKAGING / "prometheus/tserver.rules.yml"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_panels_of_the_dashboard_have_ids_and_places_of_their_own(self):
        dashboard = json.loads((PACKAGING / "grafana/tserver.json").read_text())
        panels = dashboard["panels"]
        self.assertEqual(len({p["id"] for p in panels}), len(panels))
        taken = set()
        for p in panels:
            place = p["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, p["title"])
            self.assertLessEqual(place["x"] + place["w"], 24)
            taken |= cells


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
