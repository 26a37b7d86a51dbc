# Promise: the support bundle holds what a helper needs (versions, options, states, events, store, checks, log lines) in
# less than 5 MB, and no secret: neither passphrase nor code nor key, also when they stand in a log line.
# Could break: the configuration copied as it is, a secret in an error message, a huge log.
import json
import unittest

from harness import CODE, PASSPHRASE, Site


class Bundle(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site())
        self.site.start_cluster()
        self.site.start_tserver()
        self.site.wait_up()
        self.file = self.site.directory / "bundle.json"

    def make(self, log):
        code, _, errors = self.site.ctl("support-bundle", self.file, "--config", self.site.config, "--log", log)
        self.assertEqual(code, 0, errors)
        return self.file.read_text()

    def test_planted_secrets_are_not_in_it_and_everything_else_is(self):
        planted = self.site.directory / "planted.log"
        planted.write_text(f"somebody wrote password={PASSPHRASE} here\nand code {CODE}, not 9{CODE}9\n"
                           + self.site.log())
        text = self.make(planted)
        for secret in (PASSPHRASE, f" {CODE}", f'"{CODE}"', "BEGIN PRIVATE KEY", "BEGIN ENCRYPTED PRIVATE KEY"):
            self.assertNotIn(secret, text)
        bundle = json.loads(text)
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        self.assertIn("somebody wrote password=*** here", bundle["log"])
        self.assertIn(f"and code ***, not 9{CODE}9", bundle["log"])
        self.assertTrue(any("8103 secure connection established" in line for line in bundle["log"]))
        wanted = ("status", "events", "config check", "config show", "store", "doctor")
        by_command = {name: section for section in bundle["sections"] for name in wanted
                      if f" {name} " in section["command"] + " "}
        self.assertEqual(set(by_command), set(wanted))
        self.assertEqual(by_command["status"]["output"]["links"][0]["state"], "up")
        self.assertTrue(all(row["verdict"] == "PASS" for row in by_command["doctor"]["output"]["links"][0]["rows"]))
        self.assertIn("cti01", json.dumps(by_command["config show"]["output"]))

    def test_a_huge_log_leaves_it_below_5_mb_and_the_end_of_the_log_in_it(self):
        huge = self.site.directory / "huge.log"
        huge.write_text("".join(f"line {n} " + "x" * 90 + "\n" for n in range(200_000)))
        text = self.make(huge)
        self.assertLess(len(text.encode()), 5_000_000)
        self.assertRegex(json.loads(text)["log"][-1], "^line 199999 ")

    def test_a_file_that_exists_is_left_alone(self):
        self.file.write_text("mine")
        code, _, errors = self.site.ctl("support-bundle", self.file, "--config", self.site.config)
        self.assertEqual((code, self.file.read_text()), (4, "mine"), errors)

    def test_it_is_made_without_tserver_too(self):
        self.site.stop_tserver()
        code, _, errors = self.site.ctl("support-bundle", self.file, "--config", self.site.config)
        self.assertEqual(code, 0, errors)
        self.assertIn("DAEMON_UNREACHABLE", self.file.read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
