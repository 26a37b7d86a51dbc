# Promise: a list by a signer that the held one does not name is refused: the held list stays, the link that is up stays
# up with its application, the trust state says `kept`, and the operator can take the new list on purpose.
# Could break: a refused list that replaces the held one on disk, a running link that is dropped for it, a restart that
# falls for the forged list as if it were of first use.
import unittest

from harness import Site, exchange


class Forged(unittest.TestCase):
    def test_the_held_list_and_the_link_stay(self):
        site = self.enterContext(Site())
        site.start_cluster()
        site.start_tserver()
        before = site.wait_up()["links"][0]["trust"]
        self.assertEqual(before["state"], "current")
        with site.application() as application:
            self.assertEqual(exchange(application, b"before"), b"before")
            self.assertTrue(site.tell_cluster("list new-signer")["ok"])
            code, _, errors = site.ctl("trust", "refresh", "link-tls-1")
            self.assertEqual(code, 12)
            self.assertIn("CTL_SIG_UNTRUSTED", errors)
            link = site.wait("kept", lambda s: s["links"][0]["trust"]["state"] == "kept")["links"][0]
            self.assertEqual((link["state"], link["trust"]["sha256"]), ("up", before["sha256"]))
            self.assertEqual(exchange(application, b"undisturbed"), b"undisturbed")
        self.assertIn("Alr 24104 trust list could not be renewed, the held one stays link=link-tls-1 "
                      "fault=CTL_SIG_UNTRUSTED", site.log())

        self.assertEqual(site.stop_tserver(), 0)
        site.start_tserver()
        status = site.wait_up()
        self.assertEqual(status["links"][0]["trust"]["sha256"], before["sha256"])

        code, out, errors = site.ctl("trust", "confirm", "link-tls-1", "--replace")
        self.assertEqual(code, 0, errors)
        trust = site.wait("the new list", lambda s: s["links"][0]["trust"]["sha256"] != before["sha256"])["links"][0]
        self.assertEqual((trust["trust"]["state"], trust["trust"]["unverified"]), ("current", False))
        site.wait_up()


if __name__ == "__main__":
    unittest.main(verbosity=2)
