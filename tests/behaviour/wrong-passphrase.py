# Promise: a passphrase that does not open the store stops the link with STORE_PASSPHRASE; nothing is deleted, written
# over or asked of the cluster, and the right passphrase brings everything back as it was.
# Could break: a store that cannot be read and is taken for an empty one, so that the code is used again.
import hashlib
import unittest

from harness import PASSPHRASE, Site


class WrongPassphrase(unittest.TestCase):
    def contents(self):
        return {str(path.relative_to(self.site.store)): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in self.site.store.rglob("*") if path.is_file() and path.name != "lock"}

    def test_the_link_stops_the_store_stays_and_the_right_one_opens_it(self):
        self.site = site = self.enterContext(Site())
        site.start_cluster()
        options = site.options()
        site.start_tserver(options)
        first = site.wait_up()["links"][0]["identity"]["sha256"]
        self.assertEqual(site.stop_tserver(), 0)
        before, counts = self.contents(), site.counts()

        options["link-tls"]["password"] = "not the passphrase"
        site.write(options)
        site.start_tserver()
        link = site.wait("stopped", lambda s: s["links"][0]["state"] == "stopped", 60)["links"][0]
        self.assertEqual(link["reason"]["fault"], "STORE_PASSPHRASE")
        self.assertTrue(link["reason"]["action"])
        self.assertIn("Alr 24303 link stopped until the operator acts link=link-tls-1 fault=STORE_PASSPHRASE",
                      site.log())
        self.assertTrue(site.refused())
        self.assertEqual(site.ctl("status")[0], 2)
        self.assertEqual(self.contents(), before)
        self.assertEqual(site.counts()["capf_connections"], counts["capf_connections"])
        self.assertEqual(site.stop_tserver(), 0)

        options["link-tls"]["password"] = PASSPHRASE
        site.write(options)
        site.start_tserver()
        self.assertEqual(site.wait_up()["links"][0]["identity"]["sha256"], first)


if __name__ == "__main__":
    unittest.main(verbosity=2)
