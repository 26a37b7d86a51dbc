# Promise: while the CAPF service is down the link says CAPF_UNREACHABLE, waits, and enrols with the same code as soon as
# the service is there: nothing was sent, so nothing is used up, neither the code nor an attempt of the day (F26).
# Could break: a code remembered as used although it never left the host, a limit of attempts that counts those that
# reached nobody, a status that speaks of the limit in place of the cause.
import unittest

from harness import Site


class CapfDown(unittest.TestCase):
    def test_waits_with_the_cause_and_enrols_when_the_service_is_back(self):
        site = self.enterContext(Site())
        site.start_cluster("--fault", "capf-down")
        site.start_tserver()
        seen = site.wait("the first attempt has failed", lambda s: s["links"][0]["state"] == "waiting", 60)
        self.assertEqual(seen["links"][0]["reason"]["fault"], "CAPF_UNREACHABLE")
        self.assertEqual(site.ctl("status")[0], 2)
        faults, waits = set(), set()

        def a_few_attempts(status):
            link = status["links"][0]
            if link["state"] == "waiting":
                faults.add(link["reason"]["fault"])
                waits.add(link["since"])
            return len(waits) >= 3

        site.wait("a few attempts", a_few_attempts, 60)
        self.assertEqual(faults, {"CAPF_UNREACHABLE"})
        self.assertEqual(site.log().count("24203 enrolment failed link=link-tls-1 fault=CAPF_UNREACHABLE"), 1)
        self.assertFalse(list(site.store.glob("identities/*/codes.json")))
        site.tell_cluster("clear capf-down")
        link = site.wait_up(within=60)["links"][0]
        self.assertEqual(link["counters"]["enrolments"], 1)
        self.assertEqual(site.counts()["capf_sessions"], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
