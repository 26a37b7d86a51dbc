# Promise: when the CTIManager goes, the application hears of it at once and is refused until there is a session again;
# the link says why, and comes back by itself, or goes over to the next CTIManager of its list.
# Could break: an application that waits in an accepted connection with nobody behind it, a link that gives up, one that
# asks the dead node only.
import time
import unittest

from harness import Site, exchange, wait_for


class Lost(unittest.TestCase):
    def end_of(self, application):
        """How the connection ended: `end` or `reset`."""
        try:
            self.assertEqual(application.recv(1), b"")
            return "end"
        except ConnectionResetError:
            return "reset"

    def test_the_application_is_told_at_once_refused_while_down_and_taken_again(self):
        site = self.enterContext(Site())
        site.start_cluster()
        site.start_tserver()
        site.wait_up()
        with site.application() as application:
            self.assertEqual(exchange(application, b"before"), b"before")
            begun = time.monotonic()
            self.assertTrue(site.tell_cluster("cti down")["ok"])
            self.assertIn(self.end_of(application), ("end", "reset"))
            self.assertLess(time.monotonic() - begun, 1.0)
        link = site.blamed("CTI_REFUSED")
        self.assertIn(link["state"], ("waiting", "connecting"))
        self.assertTrue(site.refused())
        self.assertEqual(site.ctl("status")[0], 2)
        self.assertRegex(site.log(), r"Alr 8102 connection failed link=link-tls-1 fault=CTI_REFUSED .*action=")

        self.assertTrue(site.tell_cluster("cti up")["ok"])
        link = site.wait_up()["links"][0]
        self.assertIsNone(link["reason"])
        self.assertEqual(link["counters"]["reconnects"], 1)
        self.assertEqual(link["restarts"], 0)
        self.assertIsNotNone(link["times"]["recovery_ms"])
        with site.application() as application:
            self.assertEqual(exchange(application, b"after"), b"after")
        self.assertEqual(site.counts()["capf_sessions"], 1)

    def test_while_it_is_tried_again_the_status_says_what_failed_last(self):
        site = self.enterContext(Site())
        site.bring_up()
        site.tell_cluster("fault cti-silent")  # the next attempt lasts until its deadline
        site.tell_cluster("cti reset")
        link = site.wait("connecting", lambda s: s["links"][0]["state"] == "connecting")["links"][0]
        self.assertEqual(link["reason"] and link["reason"]["fault"], "CTI_CLOSED")
        self.assertRegex(site.ctl("status")[1], r"link-tls-1 is connecting: .*\n  CTI_CLOSED was the last failure; it is trying again\n")
        site.tell_cluster("clear")
        self.assertIsNone(site.wait_up()["links"][0]["reason"])

    def test_a_ctimanager_that_restarts_again_and_again_is_not_taken_for_one_with_an_idle_time_out(self):
        site = self.enterContext(Site())
        site.bring_up()
        for _ in range(4):
            opened = time.monotonic()
            wait_for("a session that is no sign of a duplicate", lambda: time.monotonic() - opened > 3.2, 10)
            site.tell_cluster("cti down")
            site.blamed("CTI_REFUSED")
            site.tell_cluster("cti up")
            link = site.wait_up()["links"][0]
        self.assertEqual(link["notes"], [note for note in link["notes"] if "on-demand" not in note and "CTI_IDLE" not in note])
        self.assertEqual(len(site.tell_cluster("status")["connections"]), 1)

    def test_a_reset_and_a_ctimanager_that_goes_down_at_once_are_no_second_holder(self):
        site = self.enterContext(Site())
        site.bring_up()
        sessions = site.counts()["cti_sessions"]
        site.tell_cluster("cti reset")
        wait_for("the next session", lambda: site.counts()["cti_sessions"] > sessions, 10)
        site.wait_up()
        site.tell_cluster("cti down")
        site.blamed("CTI_REFUSED")
        site.tell_cluster("cti up")
        site.wait_up()

    def test_with_two_ctimanagers_the_link_goes_over_to_the_second(self):
        site = self.enterContext(Site())
        second = site.slot.address(2)
        site.start_cluster()
        port = site.port("cti-tls")
        site.cluster.end()
        # Both nodes on one port, as on a real cluster: the option `port` is one for all.
        site.start_cluster("--cti-tls", f"{second}:{port}")
        options = site.options()
        options["link-tls-1"]["hostname"] = f"{site.slot.address(1)}, {second}"
        site.start_tserver(options)
        self.assertEqual(site.wait_up()["links"][0]["ctimanager"], f"{site.slot.address(1)}:{port}")
        with site.application() as application:
            self.assertEqual(exchange(application, b"first"), b"first")
            site.tell_cluster("cti down 1")
            self.assertIn(self.end_of(application), ("end", "reset"))
        site.wait("up with the second", lambda s: s["links"][0]["state"] == "up"
                  and s["links"][0]["ctimanager"] == f"{second}:{port}")
        with site.application() as application:
            self.assertEqual(exchange(application, b"second"), b"second")


if __name__ == "__main__":
    unittest.main(verbosity=2)
