# Promise: where OpenSSL is told to be in FIPS mode and lacks what the store or the list is made with, the link says which
# algorithms at its start, takes nothing for damaged, writes nothing, uses no code, and works as before without it (F64).
# Could break: a digest that cannot be computed and is taken for a damaged file.
import hashlib
import unittest

from harness import Site

CONFIGURATION = """openssl_conf = init
[init]
providers = providers
alg_section = algorithms
[providers]
default = on
[on]
activate = 1
[algorithms]
default_properties = fips=yes
"""


class Fips(unittest.TestCase):
    def contents(self):
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in self.site.store.rglob("*")
                if path.is_file() and path.name != "lock"}

    def test_what_is_missing_is_named_and_nothing_is_touched(self):
        self.site = site = self.enterContext(Site())
        site.start_cluster()
        site.start_tserver()
        site.wait_up()
        self.assertEqual(site.stop_tserver(), 0)
        before, counts = self.contents(), site.counts()
        configuration = site.directory / "openssl.cnf"
        configuration.write_text(CONFIGURATION)
        site.start_tserver(OPENSSL_CONF=str(configuration))
        reason = site.wait("named", lambda s: s["links"][0]["reason"])["links"][0]["reason"]
        self.assertEqual(reason["fault"], "STORE_ALGORITHM")
        self.assertRegex(reason["detail"], r"OpenSSL does not provide .*PKCS12KDF.*; FIPS mode is on")
        self.assertTrue(site.refused())
        self.assertEqual(self.contents(), before)
        self.assertEqual(site.counts()["capf_sessions"], counts["capf_sessions"])
        self.assertEqual(site.stop_tserver(), 0)
        site.start_tserver()
        site.wait_up()


if __name__ == "__main__":
    unittest.main(verbosity=2)
