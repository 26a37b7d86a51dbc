# Promise: every exercise of doc/training.md breaks the link in the way it says, is called by the class it says, and is
# mended by what it says. The page itself is what is run.
# Could break: a page that tells of an older version, a link that does not come back by itself.
import re
import shlex
import unittest

from harness import PASSPHRASE, ROOT, Site, exchange

PAGE = (ROOT / "doc/training.md").read_text()
TRAINING = "a passphrase of the training"


def exercises():
    for number, title, text in re.findall(r"^## (\d+)\. (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.S | re.M):
        blocks = re.findall(r"^```\n(.*?)^```$", text, re.S | re.M)
        seen = re.search(r"\*\*You see:\*\* `(\w+)` in the (status|answer)", text)
        yield int(number), title, [block.strip().splitlines() for block in blocks], seen.group(1), seen.group(2)


class Training(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site())
        self.site.start_cluster()
        self.site.start_tserver()
        self.site.wait_up()

    def run_line(self, line):
        """One line of the page; what tserverctl answered."""
        site = self.site
        given = ""
        if line.startswith("echo "):
            given, line = line.removeprefix("echo ").split(" | ")
            # The page asks for patience here: one enrolment in 30 seconds.
            (site.store / "identities" / site.instance(1) / "attempts.json").unlink(missing_ok=True)
        word, _, rest = line.partition(" ")
        if word == "tell":
            answer = site.tell_cluster(rest)
            self.assertTrue(answer["ok"], (line, answer))
        elif word == "set-option":
            name, value = rest.split(" ", 1)
            value = {"127.0.0.1": site.slot.address(1), TRAINING: PASSPHRASE}.get(value, value)
            text, count = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", site.config.read_text())
            self.assertEqual(count, 1, line)
            site.config.write_text(text)
        elif word == "restart-tserver":
            self.assertEqual(site.stop_tserver(), 0)
            site.start_tserver()
        elif word == "ctl":
            _, out, errors = site.ctl(*shlex.split(rest), given=given + "\n")
            return out + errors
        else:
            self.fail(f"the page has a line that nobody can run: {line}")
        return ""

    def test_every_exercise(self):
        found = list(exercises())
        self.assertEqual([number for number, *_ in found], list(range(1, 13)))
        for number, title, (breaking, mending), fault, where in found:
            with self.subTest(number=number, title=title):
                answers = "".join(self.run_line(line) for line in breaking)
                if where == "answer":
                    self.assertIn(fault, answers)
                else:
                    self.site.blamed(fault)
                for line in mending:
                    self.run_line(line)
                self.site.wait_up()
                with self.site.application() as application:
                    self.assertEqual(exchange(application, b"carried again"), b"carried again")


if __name__ == "__main__":
    unittest.main(verbosity=2)
