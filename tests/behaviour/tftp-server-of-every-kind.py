# Promise: any TFTP server that is half right will do for a running link; a transfer that breaks is named within its time,
# the held list stays and the session goes on.
# Could break: a disturbance that the unit tests know and the running program does not survive: real sockets, ICMP.
import unittest

from harness import Site, exchange

SURVIVED = ("tftp-drop=10", "tftp-duplicate=50", "tftp-reorder=50", "tftp-delay=20", "tftp-ignore-options",
            "tftp-refuse-options", "tftp-blksize=100", "tftp-from-69", "tftp-lost-last-ack",
            "tftp-stranger", "tftp-replaced@1", "tftp-wrong-tsize@1")
BROKEN = {
    "tftp-down": (10, "nothing listens"), "tftp-error=2": (10, "TFTP_REFUSED"), "tftp-error-no-nul": (10, "CTL_NOT_FOUND"),
    "tftp-wrong-blksize=700": (10, "TFTP_PROTOCOL"), "tftp-unasked-option": (10, "was not asked"), "tftp-other-address": (10, "only the address that was asked is believed"),
    "tftp-endless": (10, "goes on behind them"), "tftp-wrong-tsize": (10, "TFTP_PROTOCOL")}


class Transfers(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site())
        self.site.start_cluster("--tftp-timeout", 300)
        options = self.site.options()
        options["link-tls"]["tls-tftp-timeout"] = "10s"
        self.site.start_tserver(options)
        self.held = self.site.wait_up()["links"][0]["trust"]["sha256"]
        self.application = self.enterContext(self.site.application())

    def refresh_with(self, fault):
        self.assertTrue(self.site.tell_cluster(f"fault {fault}")["ok"], fault)
        answer = self.site.ctl("trust", "refresh", "link-tls-1")
        self.assertTrue(self.site.tell_cluster("clear")["ok"])
        return answer

    def tearDown(self):
        self.assertEqual(exchange(self.application, b"undisturbed"), b"undisturbed")
        self.assertEqual(self.site.link()["trust"]["sha256"], self.held)

    def test_any_that_is_half_right_will_do(self):
        for fault in SURVIVED:
            with self.subTest(fault):
                code, _, errors = self.refresh_with(fault)
                self.assertEqual(code, 0, errors)

    def test_a_transfer_that_breaks_is_named(self):
        for fault, (exit_code, message) in BROKEN.items():
            with self.subTest(fault):
                code, _, errors = self.refresh_with(fault)
                self.assertEqual(code, exit_code, errors)
                self.assertIn(message, errors)
                self.assertEqual(self.site.link()["trust"]["state"], "kept")


if __name__ == "__main__":
    unittest.main(verbosity=2)
