# Promise: a reload (by command, by signal, by a changed file) is all or nothing, touches only the links whose options
# changed, keeps what needs a restart back and shows it; a broken file never takes running links down (F72, F73, F75).
# Could break: a link restarted although nothing of it changed, a part of a refused file that counts all the same, an
# editor that replaces the file so that a watch stays with the old one.
import json
import signal
import unittest

from harness import Site, receive, wait_for


class Reload(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site(links=2))
        self.site.start_cluster()
        self.options = self.site.options(tls=False)
        self.site.start_tserver(self.options)
        self.site.wait_up("plain")

    def generation(self, number):
        return self.site.wait(f"configuration {number}", lambda s: s["generation"] == number, 10)

    def test_a_changed_file_is_taken_by_itself_and_drops_only_its_link(self):
        with self.site.application(2) as other:
            before = self.site.link_processes()
            self.options["link-tls-1"]["listen"] = self.site.slot.address(99) + ":2748"
            self.site.write(self.options)
            self.generation(2)
            self.site.wait("link 1 listens on its new address", lambda s: s["links"][0]["state"] == "plain"
                           and s["links"][0]["listen"] == self.options["link-tls-1"]["listen"])
            other.sendall(b"untouched")
            self.assertEqual(receive(other, 9), b"untouched")
            self.assertEqual(self.site.link_processes(), before)
            self.assertEqual(self.site.link(2)["application"]["connected"], True)

    def test_what_is_planned_at_once_leaves_the_session_of_its_link_alone(self):
        for option, value in (("hostname", f"{self.site.slot.address(1)}, {self.site.slot.address(2)}"),
                              ("connect-timeout", "3s")):
            with self.subTest(option), self.site.application(1) as application:
                application.sendall(b"before")
                self.assertEqual(receive(application, 6), b"before")
                self.options["link-tls-1"][option] = value
                generation = self.site.status()["generation"] + 1
                self.site.write(self.options)
                self.generation(generation)
                application.sendall(b"after")
                self.assertEqual(receive(application, 5), b"after")
                self.assertEqual(self.site.link(1)["counters"]["reconnects"], 0)

    def test_a_refused_file_changes_nothing_and_says_where(self):
        self.options["link-tls-1"]["listen"] = self.site.slot.address(99) + ":2748"
        self.options["link-tls-2"]["hostnam"] = "x"
        self.site.write(self.options)
        code, _, errors = self.site.ctl("reload")
        self.assertEqual(code, 2)
        self.assertRegex(errors, r"tserver\.conf:\d+: .*hostnam")
        self.assertIn("RELOAD_REFUSED", errors)
        self.site.tserver.signal(signal.SIGHUP)
        wait_for("the refusal in the log", lambda: "Alr 24004 configuration refused" in self.site.log(), 10)
        status = self.site.status()
        self.assertEqual(status["generation"], 1)
        self.assertEqual(status["links"][0]["listen"], "{}:{}".format(*self.site.listen(1)))
        self.assertEqual([l["state"] for l in status["links"]], ["plain", "plain"])

    def test_sighup_counts_a_generation(self):
        self.site.tserver.signal(signal.SIGHUP)
        self.generation(2)

    def test_what_needs_a_restart_is_planned_kept_back_and_shown(self):
        self.options["link-tls"]["tls-tftp-host"] = "10.9.9.9"
        planned = self.site.directory / "planned.conf"
        self.site.write(self.options)
        self.site.config.rename(planned)
        self.site.write(self.site.options(tls=False))
        code, out, _ = self.site.ctl("--json", "config", "plan", planned)
        self.assertEqual(code, 0)
        changes = json.loads(out)["plan"]["changes"]
        self.assertEqual({(c["option"], c["effect"]) for c in changes}, {("tls-tftp-host", "restart")})
        self.assertEqual(self.site.link(1)["pending_restart"], [])
        planned.replace(self.site.config)
        self.assertEqual(self.site.ctl("reload")[0], 0)
        self.assertEqual(self.site.link(1)["pending_restart"], ["tls-tftp-host"])
        self.assertEqual(self.site.link(1)["state"], "plain")

    def test_refused_at_start_with_every_problem_and_exit_2(self):
        self.options["link-tls-2"]["listen"] = self.options["link-tls-1"]["listen"]
        self.options["link-tls-1"]["nonsense"] = "1"
        self.site.write(self.options)
        self.site.stop_tserver()
        self.assertEqual(self.site.start_tserver().wait(), 2)
        self.assertIn("nonsense", self.site.log())
        self.assertRegex(self.site.log(), r"tserver\.conf:\d+.*listen")


if __name__ == "__main__":
    unittest.main(verbosity=2)
