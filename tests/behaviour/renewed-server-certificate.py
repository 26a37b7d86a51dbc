# Promise: when the CTIManager shows a renewed certificate, the link fetches the list: if that names the new one, the
# link is up with it by itself; if it does not, the link says CTL_NOT_UPDATED and connects to nothing it does not know,
# until the list is updated.
# Could break: a link that waits for the next daily refresh, one that takes any certificate of the old name.
import unittest

from harness import Site, exchange


class Renewed(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site())
        self.site.start_cluster()
        self.site.start_tserver()
        self.before = self.site.wait_up()["links"][0]["trust"]["sha256"]

    def drop(self):
        self.assertTrue(self.site.tell_cluster("cti drop")["ok"])

    def up_with_another_list(self):
        link = self.site.wait("up with the new list", lambda s: s["links"][0]["state"] == "up"
                              and s["links"][0]["trust"]["sha256"] != self.before, 60)["links"][0]
        self.assertEqual(link["trust"]["state"], "current")
        with self.site.application() as application:
            self.assertEqual(exchange(application, b"carried"), b"carried")
        self.assertEqual(self.site.counts()["capf_sessions"], 1)

    def test_with_the_list_updated_the_link_takes_it_by_itself(self):
        self.assertTrue(self.site.tell_cluster("list renew")["ok"])
        self.drop()
        self.up_with_another_list()

    def test_with_the_list_not_updated_it_says_so_until_it_is(self):
        self.assertTrue(self.site.tell_cluster("list renew-only")["ok"])
        sessions = self.site.counts()["cti_sessions"]
        self.drop()
        link = self.site.blamed("CTL_NOT_UPDATED", 60)
        self.assertRegex(link["reason"]["action"], "utils ctl update")
        self.assertTrue(self.site.refused())
        self.assertEqual(self.site.counts()["cti_sessions"], sessions)
        self.assertTrue(self.site.tell_cluster("list update")["ok"])
        self.up_with_another_list()


if __name__ == "__main__":
    unittest.main(verbosity=2)
