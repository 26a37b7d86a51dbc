# Promise: an application that has sent all it has and closes its sending side still receives all of the answer, over
# TLS as in clear, however long that takes to arrive (F50). While one side has closed and the other has not, the status says
# which, and since when (F71).
# Could break: an end of one direction that is taken for the end of both, close_notify sent before the last octets.
import datetime
import os
import socket
import unittest

from harness import Site, read_to_end, receive


class HalfClose(unittest.TestCase):
    def all_comes_back(self, state, **options):
        site = self.enterContext(Site())
        site.start_cluster()
        site.start_tserver(site.options(**options))
        site.wait_up(state)
        data = os.urandom(200_000)  # less than the cluster holds back without being read
        with site.application() as application:
            application.sendall(data)
            application.shutdown(socket.SHUT_WR)
            self.assertTrue(read_to_end(application) == data)
        link = site.wait("the session has ended", lambda s: s["links"][0]["counters"]["applications"] == 1
                         and not s["links"][0]["application"]["connected"])["links"][0]
        self.assertEqual(link["bytes"], {"to_ctimanager": len(data), "to_application": len(data)})
        self.assertEqual(link["counters"]["unclean_closes"], 0)
        self.assertEqual(site.counts()["cti_unclean"], 0)
        site.wait_up(state)

    def half_closed(self, by):
        """The status says it, with an age, on the screen too."""
        link = self.site.wait(f"half-closed by {by}", lambda s: s["links"][0]["application"]["half_closed"])["links"][0]
        half = link["application"]["half_closed"]
        self.assertEqual((half["by"], link["application"]["connected"]), (by, True))
        age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(half["since"])
        self.assertLess(abs(age.total_seconds()), 10)
        sides = {"application": "the application", "ctimanager": "the CTIManager"}
        other = sides["ctimanager" if by == "application" else "application"]
        self.assertRegex(self.site.ctl("status")[1],
                         rf"link-tls-1: the session is half-closed for \d+s: {sides[by]} has closed its side, {other} has not")

    def over(self, within):
        self.site.wait("over", lambda s: not s["links"][0]["application"]["connected"]
                       and s["links"][0]["application"]["half_closed"] is None, within)

    def test_F71_the_status_lists_it_with_its_age_and_it_ends(self):
        self.site = site = self.enterContext(Site())
        site.bring_up()
        with site.application() as application:
            self.assertIsNone(site.link()["application"]["half_closed"])
            site.tell_cluster("fault cti-stall=5")
            application.sendall(b"12345")
            self.assertEqual(receive(application, 5), b"12345")
            application.shutdown(socket.SHUT_WR)  # which the CTIManager does not read any more
            self.half_closed("application")
        self.over(within=75)  # nothing moves for a minute
        self.assertIn("the application closed its side and nothing moved for 60 s", site.log())
        site.tell_cluster("clear")
        site.wait_up()
        with site.application() as application:
            site.tell_cluster("fault cti-close-after=5")
            application.sendall(b"12345")
            read_to_end(application)
            self.half_closed("ctimanager")
        self.over(within=20)
        site.wait_up()

    def test_in_clear(self):
        self.all_comes_back("plain", tls=False)

    def test_over_tls(self):
        self.all_comes_back("up")


if __name__ == "__main__":
    unittest.main(verbosity=2)
