# Promise: private keys stay out of swap where the system allows it; where it does not, the status says so and the
# link works, or stays down if memory-lock = require (F84).
# Could break: a strict setting that is only a note.
import ctypes
import re
import resource
import unittest
from unittest import mock

import harness
from harness import Site

END_WITH_PARENT = harness.Program.end_with_parent
CAP_IPC_LOCK, CAP_SYS_RESOURCE, PR_CAPBSET_DROP = 14, 24, 24


def without_the_right():
    """For a child before it starts its program: no memory may be locked, and no right changes that."""
    END_WITH_PARENT()
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    for capability in (CAP_IPC_LOCK, CAP_SYS_RESOURCE):
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


class Memory(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(Site())
        self.site.start_cluster()

    def locked(self):
        """KiB of the link process that cannot be swapped."""
        pid = self.site.link_processes()[self.site.names[0]]
        with open(f"/proc/{pid}/status") as status:
            return int(re.search(r"VmLck:\s+(\d+) kB", status.read())[1])

    def start_without_the_right(self, options=None):
        with mock.patch.object(harness.Program, "end_with_parent", staticmethod(without_the_right)):
            self.site.start_tserver(options)

    def test_locked_where_it_may_be(self):
        self.site.start_tserver()
        self.assertFalse([note for note in self.site.wait_up()["links"][0]["notes"] if "memory" in note])
        self.assertGreater(self.locked(), 0)

    def test_the_largest_key_fits_made_and_read_again(self):
        self.site.tell_cluster("fault capf-key-size=4096")
        self.site.start_tserver(self.site.options(link_tls={"memory-lock": "require"}))
        self.site.wait_up(within=120)
        self.assertEqual(self.site.stop_tserver(), 0)
        self.site.start_tserver()
        self.assertFalse([note for note in self.site.wait_up()["links"][0]["notes"] if "memory" in note])
        self.assertEqual(self.site.link()["counters"]["enrolments"], 0)

    def test_where_it_may_not_be_the_link_works_and_the_status_says_so(self):
        self.start_without_the_right()
        notes = self.site.wait_up()["links"][0]["notes"]
        self.assertTrue(any("memory locked: no" in note for note in notes), notes)
        self.assertEqual(self.locked(), 0)

    def test_where_it_may_not_be_and_is_required_the_link_stays_down(self):
        options = self.site.options()
        options["link-tls"]["memory-lock"] = "require"
        self.start_without_the_right(options)
        link = self.site.wait("down", lambda s: s["links"][0]["state"] == "waiting" and s["links"][0]["reason"])["links"][0]
        self.assertEqual(link["reason"]["fault"], "OUT_OF_RESOURCES")
        self.assertIn("memory-lock = require", link["reason"]["detail"])
        self.assertTrue(self.site.refused())
        self.assertEqual(self.site.counts()["capf_sessions"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
