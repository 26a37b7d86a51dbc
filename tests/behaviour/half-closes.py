# Promise: an application that has sent all it has and closes its sending side still receives all of the answer, over
# TLS as in clear, however long that takes to arrive (F50).
# Could break: an end of one direction that is taken for the end of both, close_notify sent before the last octets.
import os
import socket
import unittest

from harness import Site, read_to_end


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

    def test_in_clear(self):
        self.all_comes_back("plain", tls=False)

    def test_over_tls(self):
        self.all_comes_back("up")


if __name__ == "__main__":
    unittest.main(verbosity=2)
