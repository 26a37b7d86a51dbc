# Promise: an application that does not read holds the CTIManager back and loses nothing: the link keeps a bounded part
# of what waits, and every octet comes, in order, when it reads again.
# Could break: a buffer that grows with what waits, a stall that is taken for a dead application, octets lost or doubled
# where back-pressure begins and ends.
import pathlib
import unittest

from harness import Site, receive, wait_for

RECORDS, OCTETS = 6250, 16_000  # more than every receive and send buffer of the system on the way
TOTAL = RECORDS * OCTETS
PERIOD = bytes(range(251))  # octet n of a burst is n mod 251


class Slow(unittest.TestCase):
    def resident(self, pid):
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def held_back_and_complete(self, state, **options):
        site = self.enterContext(Site())
        site.start_cluster("--cti-mode", f"burst={RECORDS}*{OCTETS}")
        site.start_tserver(site.options(**options))
        pid = site.wait_up(state)["links"][0]["pid"]
        before = self.resident(pid)
        with site.application() as application:
            application.sendall(b"go")
            sent = []

            def stands_still():
                sent.append(site.tell_cluster("status")["connections"][0]["sent"])
                return sent[-1] > 0 and sent[-8:].count(sent[-1]) == 8

            wait_for("the cluster is held back", stands_still, 30)
            self.assertLess(sent[-1], TOTAL)
            self.assertLess(self.resident(pid) - before, 2 << 20)
            self.assertEqual(site.link()["state"], state)
            got = receive_all(application)
            expected = (PERIOD * (TOTAL // len(PERIOD) + 1))[:TOTAL]
            self.assertTrue(got == expected)

    def test_in_clear(self):
        self.held_back_and_complete("plain", tls=False)

    def test_over_tls(self):
        self.held_back_and_complete("up")


def receive_all(connection):
    """The whole burst, without joining it octet for octet."""
    out = bytearray()
    while len(out) < TOTAL:
        out += receive(connection, min(1 << 16, TOTAL - len(out)))
    return bytes(out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
