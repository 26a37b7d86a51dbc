# Promise: from an empty store and one start, three links fetch the trust list, enrol and come up over mutual TLS, and
# carry what their applications send, byte for byte and each to its own session; what is kept is private and encrypted.
# Could break: links that race for the one trust store, one link's octets in another's session, a file of the store that
# others may read or that only this program can open, a link process that derives keys from the passphrase which tserver has
# derived already for all of them.
import concurrent.futures
import os
import re
import stat
import subprocess
import unittest

from harness import PASSPHRASE, Site, exchange

SIZE = 1 << 20


class ThreeLinks(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site(links=3))
        self.site.start_cluster()
        self.site.start_tserver()
        self.status = self.site.wait_up(within=90)

    def open_identity(self, n, passphrase):
        """openssl's view of the stored identity: exit code and text."""
        files = sorted((self.site.store / "identities" / self.site.instance(n)).glob("*/identity.p12"))
        done = subprocess.run(["openssl", "pkcs12", "-in", files[-1], "-noenc", "-passin", "env:STORE_PASS"],
                              env=os.environ | {"STORE_PASS": passphrase}, capture_output=True, text=True)
        return done.returncode, done.stdout

    def salts(self):
        """What the MACs of the stored identities were derived with: 16 octets and the number of rounds."""
        shape = re.compile(rb"\x04\x10(.{16})\x02\x03" + (200_000).to_bytes(3, "big"), re.DOTALL)
        files = (self.site.store / "identities").glob("*/*/identity.p12")
        return [shape.search(file.read_bytes())[1] for file in files]

    def test_from_nothing_to_three_links_that_carry_exactly_what_was_sent(self):
        for n, link in enumerate(self.status["links"], 1):
            self.assertIsNone(link["reason"])
            self.assertTrue(link["tls"])
            self.assertRegex(link["tls_version"], r"^TLSv1\.[23]$")
            self.assertIn(f"CN={self.site.instance(n)},", link["identity"]["subject"])
            self.assertEqual(link["trust"]["state"], "current")
            self.assertTrue(link["trust"]["unverified"])
            self.assertEqual(link["counters"]["enrolments"], 1)
        self.assertEqual(self.site.counts()["capf_sessions"], 3)
        self.assertEqual(self.site.ctl("status")[0], 0)

        sent = [os.urandom(SIZE) for _ in range(3)]

        def carry(n):
            with self.site.application(n) as application:
                return exchange(application, sent[n - 1])

        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            received = list(pool.map(carry, (1, 2, 3)))
        self.assertTrue(received == sent, "each application gets its own octets back")
        status = self.site.wait("the applications have left", lambda s: not any(
            l["application"]["connected"] for l in s["links"]))
        for link in status["links"]:
            self.assertEqual(link["bytes"], {"to_ctimanager": SIZE, "to_application": SIZE})
        arrived = sorted(data for data in (f.read_bytes() for f in self.site.recorded.glob("*.in")) if data)
        self.assertTrue(arrived == sorted(sent), "the cluster got each stream in one session of its own")

        for path in [self.site.store, *self.site.store.rglob("*")]:
            mode = stat.S_IMODE(path.lstat().st_mode)
            self.assertEqual(oct(mode), oct(0o700 if path.is_dir() else 0o600), path)
        for n in (1, 2, 3):
            code, text = self.open_identity(n, PASSPHRASE)
            self.assertEqual(code, 0)
            self.assertIn(f"CN = {self.site.instance(n)}", text)
            self.assertIn("PRIVATE KEY", text)
            self.assertNotEqual(self.open_identity(n, "another passphrase")[0], 0)
        self.assertEqual(len(self.salts()), 3)
        self.assertEqual(len(set(self.salts())), 1, "one derivation did for all links")


if __name__ == "__main__":
    unittest.main(verbosity=2)
