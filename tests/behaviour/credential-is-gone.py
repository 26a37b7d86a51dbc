# Promise: a systemd credential that is no longer there is named, by a reload and by a start; the running links go on with
# what they hold (F85).
# Could break: a reload that takes an empty passphrase for a new one and drops every link.
import unittest

from harness import PASSPHRASE, Site, exchange


class Credential(unittest.TestCase):
    def test_is_named_and_the_running_links_go_on(self):
        site = self.enterContext(Site())
        site.start_cluster()
        credentials = site.directory / "credentials"
        credentials.mkdir(mode=0o700)
        credential = credentials / "store-passphrase"
        credential.touch(mode=0o600)
        credential.write_text(PASSPHRASE + "\n")
        options = site.options()
        del options["link-tls"]["password"]
        options["link-tls"]["password-file"] = "credential:store-passphrase"
        site.start_tserver(options, CREDENTIALS_DIRECTORY=str(credentials))
        site.wait_up()
        with site.application() as application:
            credential.unlink()
            code, _, errors = site.ctl("reload")
            self.assertEqual(code, 2)
            self.assertIn("store-passphrase", errors)
            self.assertEqual(exchange(application, b"undisturbed"), b"undisturbed")
            self.assertEqual(site.link()["state"], "up")
        self.assertEqual(site.stop_tserver(), 0)
        tserver = site.start_tserver(CREDENTIALS_DIRECTORY=str(credentials))
        self.assertEqual(tserver.wait(20), 2)
        self.assertIn("store-passphrase", site.log())


if __name__ == "__main__":
    unittest.main(verbosity=2)
