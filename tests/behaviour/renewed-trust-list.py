# Promise: a renewed list is taken up by the running links; a session whose server it still names goes on (one key with an
# old and a new certificate too), one whose server it no longer names ends and is opened anew. When the server's certificate
# stands only in a list that we cannot verify, that is said (CTL_STALE), and the operator's word is enough.
# Could break: links that are all dropped for each new list, a session that outlives the trust in its server.
import unittest

from harness import Site, exchange


class RenewedList(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site(links=2))
        self.site.start_cluster("--cti-tls", f"{self.site.slot.address(2)}:0")
        first, second = (end.rsplit(":", 1) for end in self.site.ports["cti-tls"].split(","))
        options = self.site.options()
        for name, (host, port) in zip(self.site.names, (first, second)):
            options[name] |= {"hostname": host, "port": port}
        self.site.start_tserver(options)
        self.before = self.site.wait_up()["links"][0]["trust"]["sha256"]
        self.applications = [self.enterContext(self.site.application(n)) for n in (1, 2)]
        for application in self.applications:
            self.assertEqual(exchange(application, b"before"), b"before")

    def take(self, *commands):
        for command in commands:
            self.assertTrue(self.site.tell_cluster(command)["ok"], command)
        code, out, errors = self.site.ctl("trust", "refresh", self.site.names[0])
        self.assertEqual(code, 0, errors)
        return self.site.link()["trust"]["sha256"]

    def goes_on(self, n):
        self.assertEqual(exchange(self.applications[n - 1], b"on"), b"on")

    def ended(self, n):
        try:
            return self.applications[n - 1].recv(1) == b""
        except ConnectionResetError:
            return True

    def test_sessions_whose_server_stays_listed_go_on(self):
        sessions = self.site.counts()["cti_sessions"]
        self.assertNotEqual(self.take("list rollover"), self.before)
        self.goes_on(1)
        self.goes_on(2)
        self.assertEqual(self.site.counts()["cti_sessions"], sessions)

    def test_a_session_whose_server_is_no_longer_listed_ends_and_the_others_go_on(self):
        self.take("list renew 1")
        self.assertTrue(self.ended(1))
        self.goes_on(2)
        self.site.wait_up()
        with self.site.application(1) as application:
            self.assertEqual(exchange(application, b"anew"), b"anew")

    def test_a_server_that_only_an_unverified_list_names_is_stale_until_the_operator_vouches(self):
        self.assertTrue(self.site.tell_cluster("list renew 1")["ok"])
        self.assertTrue(self.site.tell_cluster("list new-signer")["ok"])
        self.assertTrue(self.site.tell_cluster("cti drop")["ok"])
        self.assertTrue(self.ended(1))
        self.applications[0].close()  # until then the session is half open
        link = self.site.blamed("CTL_STALE", 60)
        self.assertRegex(link["reason"]["action"], "trust confirm --replace")
        self.assertEqual(link["trust"]["sha256"], self.before)
        self.assertTrue(self.site.refused(1))
        code, _, errors = self.site.ctl("trust", "confirm", self.site.names[0], "--replace")
        self.assertEqual(code, 0, errors)
        self.assertNotEqual(self.site.wait_up()["links"][0]["trust"]["sha256"], self.before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
