#!/usr/bin/env python3
"""Promise: every program that is installed is position-independent, has a read-only relocation table bound at the start, no
executable stack, checks its stack frames and the sizes that it can know, and cannot fork (F77). hardening_test.py FOLDER-OF-PROGRAMS"""
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

    def test_F77_no_program_can_fork_or_ask_a_shell(self):
        """A copy of a process that has run OpenSSL is never made: helpers are started by posix_spawn."""
        copying = {"fork", "_Fork", "vfork", "forkpty", "daemon", "system", "popen", "wordexp"}
        for name in PROGRAMS:
            with self.subTest(name):
                symbols = {line.split()[7].split("@")[0] for line in readelf(FOLDER / name, "--dyn-syms").splitlines()
                           if len(line.split()) > 7}
                self.assertIn("__stack_chk_fail", symbols)
                self.assertEqual(symbols & copying, set())


if __name__ == "__main__":
    FOLDER = pathlib.Path(sys.argv.pop(1))
    unittest.main(verbosity=2)
