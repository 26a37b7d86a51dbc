# Promise: one enrolment in 30 seconds for a link, whoever asks and however often tserver is started anew: the next one is
# refused with ENROL_TOO_OFTEN and the time to wait, CAPF hears nothing of it, and a link that waits for its turn enrols by
# itself when it has come (F26), by the clock that goes on while the machine sleeps (F33). A limit is no reason to lose a
# session that works.
# Could break: a limit that a restart forgets, one that `link enrol` passes by, a profile that the cluster locks.
import re
import unittest

from harness import Clock, Site, exchange


class Limited(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site())
        self.site.start_cluster()

    def enrol(self, code):
        return self.site.ctl("link", "enrol", self.site.names[0], "--code-file", "-", given=code)

    def test_an_enrolment_right_after_another_is_refused_with_the_time_and_the_session_stays(self):
        self.site.start_tserver()
        self.site.wait_up()
        self.site.arm(1, "222222")
        with self.site.application() as application:
            code, _, errors = self.enrol("222222")
            self.assertEqual(code, 26)
            self.assertRegex(errors, r"ENROL_TOO_OFTEN.*\(the next one in (30|[12]?\d) s")
            self.assertEqual(exchange(application, b"undisturbed"), b"undisturbed")
        self.assertEqual(self.site.counts()["capf_sessions"], 1)

    def test_a_restart_does_not_forget_and_the_link_takes_its_turn_by_itself(self):
        options = self.site.options()
        options[self.site.names[0]]["tls-auth-code"] = "654321"
        self.site.start_tserver(options)
        self.site.wait("refused by CAPF", lambda s: s["links"][0]["state"] == "stopped", 60)
        self.assertEqual(self.site.stop_tserver(), 0)
        options[self.site.names[0]]["tls-auth-code"] = "123456"
        self.site.start_tserver(options)
        link = self.site.wait("waits", lambda s: s["links"][0]["state"] == "waiting"
                              and s["links"][0]["reason"]["fault"] == "ENROL_TOO_OFTEN")["links"][0]
        wait = int(re.search(r"the next one in (\d+) s", link["reason"]["detail"])[1])
        self.assertTrue(0 < wait <= 30, wait)
        self.assertEqual(self.site.counts()["capf_sessions"], 1)
        self.site.wait_up(within=60)
        self.assertEqual(self.site.counts()["capf_sessions"], 2)

    @unittest.skipUnless(Clock.library.exists(), "no library that sets the clock in a build with a sanitizer")
    def test_twenty_in_a_day_are_enough_and_a_machine_that_slept_knows_that_the_day_is_over(self):
        clock = Clock(self.site.directory)
        self.site.start_tserver(**clock.environment)
        self.site.wait_up()
        for n in range(1, 20):
            clock.set(seconds=60 * n)
            self.assertEqual(self.enrol(f"9{n:05}")[0], 22, n)
            self.site.arm(1, "222222")  # the tenth wrong one in a row would lock the profile
        clock.set(seconds=60 * 21)
        code, _, errors = self.enrol("222222")
        self.assertEqual(code, 26)
        self.assertRegex(errors, r"ENROL_TOO_OFTEN.*\(the next one in 8\d{4} s")
        self.assertEqual(self.site.counts()["capf_sessions"], 20)
        clock.set(days=1, seconds=60)
        code, _, errors = self.enrol("222222")
        self.assertEqual(code, 0, errors)


if __name__ == "__main__":
    unittest.main(verbosity=2)
