# Promise: the end of a certificate is announced at 30, 7 and 1 days; an expired one takes its own link down, says so, and
# a new code brings it back without a restart, while the other links never notice (F24).
# Could break: dates looked at when the program starts only, a code that needs a restart.
import unittest

from harness import Clock, Site, exchange

LIFE = 60  # days


@unittest.skipUnless(Clock.library.exists(), "no library that sets the clock in a build with a sanitizer")
class Dates(unittest.TestCase):
    def start(self, links=1, **clock):
        self.site = self.enterContext(Site(links))
        self.clock = Clock(self.site.directory)
        self.clock.set(**clock)
        self.site.start_cluster("--lsc-days", LIFE)
        self.site.start_tserver(**self.clock.environment)

    def restart_cluster(self):
        """From now on what is issued lasts for ten years."""
        self.site.cluster.end()
        self.site.start_cluster("--lsc-days", 3650)
        self.issued = self.site.counts()["capf_sessions"]

    def restart_at(self, **clock):
        self.assertEqual(self.site.stop_tserver(), 0)
        self.clock.set(**clock)
        self.site.start_tserver(**self.clock.environment)

    def state(self, state, fault, within=40):
        return self.site.wait(f"{state} with {fault}", lambda s: s["links"][0]["state"] == state
                              and s["links"][0]["reason"]["fault"] == fault, within)["links"][0]

    def test_warned_of_at_30_7_and_1_days_once_each(self):
        self.start()
        self.site.wait_up()
        self.assertNotIn("certificate expires", self.site.log())
        for left, seen in ((31.5, 0), (29.5, 1), (8.5, 1), (6.5, 1), (2.5, 1), (0.5, 1)):
            before = self.site.log().count("Std 24205 ")
            self.restart_at(days=LIFE - left)
            link = self.site.wait_up()["links"][0]
            self.assertEqual(link["identity"]["days_left"], int(left), left)
            self.assertEqual(link["identity"]["validity"], "expiring" if seen else "valid", left)
            self.assertEqual(self.site.log().count("Std 24205 ") - before, seen, left)

    def test_expired_while_running_takes_its_link_down_and_a_new_code_brings_it_up(self):
        self.start(links=2)
        self.site.wait_up()
        self.restart_cluster()
        self.clock.set(days=1)
        self.site.arm(2, "222222")
        self.assertEqual(self.site.ctl("link", "enrol", self.site.names[1], "--code-file", "-", given="222222")[0], 0)
        self.restart_at(days=LIFE, seconds=-40)
        self.site.wait_up()
        with self.site.application(2) as application:
            link = self.state("stopped", "IDENTITY_EXPIRED", 80)
            self.assertRegex(link["reason"]["action"], "new authentication string")
            self.assertTrue(self.site.refused(1))
            self.assertEqual(exchange(application, b"the other link goes on"), b"the other link goes on")
            self.site.arm(1, "333333")
            code, _, errors = self.site.ctl("link", "enrol", self.site.names[0], "--code-file", "-", given="333333")
            self.assertEqual(code, 0, errors)
            link = self.site.wait_up()["links"][0]
            self.assertEqual(link["restarts"], 0)
            self.assertEqual(exchange(application, b"and on"), b"and on")

    def test_expired_at_the_start_says_so_and_asks_nothing_of_capf(self):
        self.start()
        self.site.wait_up()
        self.restart_cluster()
        self.restart_at(days=LIFE + 1)
        self.state("stopped", "IDENTITY_EXPIRED")
        self.assertEqual(self.site.counts()["capf_sessions"], self.issued)

if __name__ == "__main__":
    unittest.main(verbosity=2)
