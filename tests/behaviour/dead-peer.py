# Promise: a CTIManager that is gone without a word, as behind a pulled cable or a firewall that forgot, is found within 45 s
# with the default options, whether nothing is sent or something is on its way; the link says so and has another session (F66).
# Could break: keep-alive that is off or too slow, sent data that is repeated for a quarter of an hour.
import time
import unittest

from harness import Site, exchange, wait_for

LIMIT = 45


class DeadPeer(unittest.TestCase):
    def deaf_after(self, octets):
        """One session, so that the next one is like any other."""
        self.assertTrue(self.site.tell_cluster(f"fault cti-deaf={octets}@1")["ok"])

    def is_deaf(self):
        wait_for("a session that hears nothing", lambda: not self.site.tell_cluster("status")["faults"])

    def found(self, name, begun):
        """Seconds until the link has said it."""
        wait_for(f"{name} finds it", lambda: any(f"link={name} fault=CTI_DEAD_PEER" in line for line in
                                                 self.site.log().splitlines()), 60, 0.2)
        return time.monotonic() - begun

    def test_it_is_found_idle_and_sending(self):
        self.site = site = self.enterContext(Site(links=2))
        before = site.bring_up()["links"][0]["pid"]
        self.deaf_after(0)  # for the next session of the first link, which stays idle
        self.assertEqual(site.ctl("link", "restart", "link-tls-1")[0], 0)
        site.wait("the first link again", lambda s: s["links"][0]["state"] == "up" and s["links"][0]["pid"] != before)
        self.is_deaf()
        idle = time.monotonic()
        with site.application(2) as application:
            self.assertEqual(exchange(application, b"0123456789"), b"0123456789")
            self.deaf_after(11)
            application.sendall(b"!")
            self.is_deaf()
            sending = time.monotonic()
            application.sendall(b"nobody acknowledges this")
            application.settimeout(60)
            self.assertLess(self.found("link-tls-1", idle), LIMIT)
            try:
                self.assertEqual(application.recv(1), b"")
            except ConnectionResetError:
                pass
            self.assertLess(self.found("link-tls-2", sending), LIMIT)
        site.wait_up()
        for n in (1, 2):
            with site.application(n) as application:
                self.assertEqual(exchange(application, b"alive"), b"alive")


if __name__ == "__main__":
    unittest.main(verbosity=2)
