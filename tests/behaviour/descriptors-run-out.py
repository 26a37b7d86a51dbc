# Promise: a link process that has no descriptor left for an application goes on living: it tries once a second, says so
# once a minute, costs next to nothing meanwhile, and takes the application as soon as it can (F65).
# Could break: a loop around a listener that stays ready, a line for every try, a listener that is forgotten.
import os
import pathlib
import resource
import time
import unittest

from harness import Site, exchange

LINE = "24312 application cannot be taken"


class Descriptors(unittest.TestCase):
    def processor_time(self, pid):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_the_application_waits_and_is_taken_later(self):
        self.site = site = self.enterContext(Site())
        link = site.bring_up()["links"][0]
        if "system calls are not filtered in this build" in " ".join(link["notes"]):
            self.skipTest("a sanitizer needs descriptors of its own to look at an object")
        pid = link["pid"]
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = sorted(int(entry.name) for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir())
        free = next(number for number in range(len(used) + 1) if number not in used)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, before[1]))
        with site.application() as application:
            application.settimeout(20)
            started, begun = time.monotonic(), self.processor_time(pid)
            time.sleep(6)  # the promise is about what happens while nothing can be done
            busy = (self.processor_time(pid) - begun) / (time.monotonic() - started)
            self.assertLess(busy, 0.05)
            self.assertEqual(site.log().count(LINE), 1)
            self.assertRegex(site.log(), LINE + r", tried again every second link=link-tls-1 fault=OUT_OF_RESOURCES "
                                         r'detail="accept: Too many open files" action=')
            self.assertEqual(site.link()["state"], "up")
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
            self.assertEqual(exchange(application, b"here at last"), b"here at last")
        self.assertEqual(site.link()["pid"], pid)


if __name__ == "__main__":
    unittest.main(verbosity=2)
