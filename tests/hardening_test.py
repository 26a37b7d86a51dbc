#!/usr/bin/env python3
"""Promise: every program that is installed is position-independent, has a read-only relocation table bound at the start, no
executable stack, and checks its stack frames and the sizes that it can know. hardening_test.py FOLDER-OF-PROGRAMS"""
import pathlib
import subprocess
import sys
import unittest

PROGRAMS = ["tserver", "tserver-link", "tserverctl", "tserver-console"]


def readelf(program, *what):
    return subprocess.run(["readelf", "-W", *what, program], capture_output=True, text=True, check=True).stdout


class Hardening(unittest.TestCase):
    def test_the_linker_was_told(self):
        for name in PROGRAMS:
            with self.subTest(name):
                segments = readelf(FOLDER / name, "-hl")
                self.assertIn("DYN (Position-Independent Executable file)", segments)
                self.assertIn("GNU_RELRO", segments)
                stack = next(line for line in segments.splitlines() if "GNU_STACK" in line)
                self.assertNotIn("E", stack.split()[-2])
                self.assertRegex(readelf(FOLDER / name, "-d"), r"FLAGS_1.*NOW")

    def test_the_compiler_was_told(self):
        for name in PROGRAMS:
            with self.subTest(name):
                needed = readelf(FOLDER / name, "--dyn-syms")
                self.assertIn("__stack_chk_fail", needed)
        self.assertRegex(readelf(FOLDER / "tserver", "--dyn-syms"), r"__\w+_chk")


if __name__ == "__main__":
    FOLDER = pathlib.Path(sys.argv.pop(1))
    unittest.main(verbosity=2)
