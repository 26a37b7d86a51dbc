# Promise: what happens to a link can be read as numbered events; a reader who takes a status and follows from the number
# in it misses nothing; who comes too late is told so by name; following survives a restart of tserver.
# Could break: an event of a link process that does not reach tserver, a number given twice or left out, a status whose
# number is older than what it shows, a follower that stays with a socket of the past.
import json
import os
import signal
import subprocess
import unittest

from harness import PROGRAMS, Site, wait_for


class Events(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site(links=2))
        self.site.start_cluster()
        self.site.start_tserver(self.site.options(tls=False))
        self.site.wait_up("plain")

    def events(self, *arguments):
        code, out, errors = self.site.ctl("--json", "events", *arguments)
        self.assertEqual(code, 0, errors + out)
        return [json.loads(line) for line in out.splitlines()]

    def test_start_and_carrying_of_a_link_are_events_and_numbers_have_no_gap(self):
        seen = self.events()
        self.assertEqual([e["sequence"] for e in seen], list(range(1, len(seen) + 1)))
        mine = [(e["id"], e["fields"].get("to")) for e in seen if e["link"] == "link-tls-1"]
        self.assertEqual(mine[0], (35110, "connecting"))
        self.assertIn((35100, None), mine)
        self.assertIn((24301, None), mine, "an event of the link process itself")
        self.assertEqual([to for id, to in mine if id == 35110][-1], "plain")
        self.assertEqual(self.events("--link", "link-tls-1"), [e for e in seen if e["link"] == "link-tls-1"])

    def test_a_snapshot_and_the_events_after_it_have_no_gap(self):
        snapshot = self.site.status()
        pid = snapshot["links"][0]["pid"]
        os.kill(pid, signal.SIGKILL)
        self.site.wait("link 1 has a new process", lambda s: s["links"][0]["restarts"] == 1
                       and s["links"][0]["state"] == "plain")
        place = snapshot["events"]
        after = self.events("--after", place["last"], "--run", place["run"])
        self.assertEqual(after[0]["sequence"], place["last"] + 1)
        self.assertEqual({e["run"] for e in after}, {place["run"]})
        died = [e for e in after if e["id"] == 35103]
        self.assertEqual([(e["level"], e["link"], e["fields"]["status"]) for e in died],
                         [("Alr", "link-tls-1", "signal 9 (Killed)")])
        self.assertEqual(self.site.link(1)["failures"], {"CHILD_DIED": 1})

    def test_who_asks_for_another_run_is_told_to_take_a_snapshot(self):
        code, _, errors = self.site.ctl("events", "--after", 1, "--run", "0123456789abcdef")
        self.assertEqual(code, 3)
        self.assertIn("EVENTS_TOO_OLD", errors)
        self.assertIn("take a snapshot", errors)
        code, out, _ = self.site.ctl("--json", "events", "--after", 100000)
        self.assertEqual((code, json.loads(out)["error"]["fault"]), (3, "EVENTS_TOO_OLD"))

    def test_for_people_an_event_is_a_line_like_that_of_the_log(self):
        code, out, _ = self.site.ctl("events", "--link", "link-tls-2")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \d+ Std 35100 link process started "
                              r"link=link-tls-2 pid=\d+$")

    def test_following_shows_what_happens_and_survives_a_new_tserver(self):
        follower = subprocess.Popen([PROGRAMS / "tserverctl", "--control", self.site.control, "--json", "events",
                                     "--follow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(lambda: (follower.kill(), follower.wait(), follower.stdout.close(), follower.stderr.close()))
        os.set_blocking(follower.stdout.fileno(), False)
        text = b""

        def seen():
            nonlocal text
            text += follower.stdout.read() or b""
            return [json.loads(line) for line in text[:text.rfind(b"\n") + 1].splitlines()]

        first = self.site.status()["events"]["run"]
        wait_for("the past", lambda: any(e["id"] == 24301 for e in seen()), 10)
        self.site.ctl("link", "stop", "link-tls-2")
        wait_for("the stop", lambda: any(e["id"] == 35102 and e["link"] == "link-tls-2" for e in seen()), 10)
        self.site.stop_tserver()
        self.site.start_tserver()
        self.site.wait_up("plain")
        second = self.site.status()["events"]["run"]
        self.assertNotEqual(second, first)
        wait_for("events of the second run", lambda: any(e["run"] == second and e["id"] == 24001 for e in seen()), 15)
        numbers = [e["sequence"] for e in seen() if e["run"] == second]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
