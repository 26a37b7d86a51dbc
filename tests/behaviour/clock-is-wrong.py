# Promise: a clock that is wrong is called that: nothing is deleted, CAPF is not asked, and the link comes back when the clock
# is set, whether it was wrong at the start or jumps by years while the link runs (F34, F35).
# Could break: a wrong clock that starts an enrolment and wastes a code, a link that stays stopped after the clock was set
# right, a warning at each look.
import unittest

from harness import Clock, Site


@unittest.skipUnless(Clock.library.exists(), "no library that sets the clock in a build with a sanitizer")
class WrongClock(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site())
        self.clock = Clock(self.site.directory)
        self.site.start_cluster()

    def start(self, **clock):
        self.clock.set(**clock)
        self.site.start_tserver(**self.clock.environment)

    def says(self, state, fault):
        return self.site.wait(f"{state} with {fault}", lambda s: s["links"][0]["state"] == state
                              and s["links"][0]["reason"]["fault"] == fault, 60)["links"][0]["reason"]["detail"]

    def stored(self):
        return sorted(str(path) for path in self.site.store.rglob("*.p12"))

    def test_too_early_at_boot_asks_for_nothing_and_heals(self):
        self.start(days=-20000)
        self.assertIn("before the date of this program", self.says("waiting", "CLOCK"))
        self.assertEqual(self.site.counts()["capf_sessions"], 0)
        self.clock.set()
        self.site.wait_up()

    def test_before_the_certificate_deletes_nothing_and_heals(self):
        self.start()
        self.site.wait_up()
        stored = self.stored()
        self.assertEqual(self.site.stop_tserver(), 0)
        self.start(days=-1)
        self.assertIn("our certificate starts at", self.says("waiting", "CLOCK"))
        self.assertEqual(self.stored(), stored)
        self.clock.set()
        self.site.wait_up()
        self.assertEqual(self.site.counts()["capf_sessions"], 1)

    def test_jumps_by_years_while_running_are_survived_both_ways(self):
        self.start()
        self.site.wait_up()
        stored = self.stored()
        for days, state, fault in ((3650, "stopped", "IDENTITY_EXPIRED"), (-3650, "waiting", "CLOCK")):
            warnings = self.site.log().count(" 24205 ")
            self.clock.set(days=days)
            self.says(state, fault)
            self.assertLessEqual(self.site.log().count(" 24205 ") - warnings, 1)
            self.clock.set()
            self.site.wait_up()
        self.assertEqual(self.stored(), stored)
        self.assertEqual(self.site.counts()["capf_sessions"], 1)
        self.assertEqual(self.site.link()["restarts"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
