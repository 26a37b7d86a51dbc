#!/usr/bin/env python3
"""The table of failure classes: each one provoked through the programs, and what they called it.

    scripts/fault_table.py [--bin build/release/bin]   runs the behaviour tests that provoke faults and prints the table
    scripts/fault_table.py --check                     only looks whether those tests provoke every class; runs nothing

Exit code 1 when a provocation was called by another name, or less than 95 % of the classes are named exactly.
"""
import argparse
import ast
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests/behaviour"
WANTED = 95  # percent
# A class that no test provokes, and why.
NOT_PROVOKED = {}


def classes():
    """Every class of the fault table, in its order."""
    return re.findall(r"(?m)^FAULT\(\d+, (\w+),", (ROOT / "src/base/faults.def").read_text())


def tests():
    """The behaviour tests that write into the table."""
    return [path for path in sorted(TESTS.glob("*.py")) if re.search(r"import .*\bNamed\b", path.read_text())]


def expected_in(path):
    """Texts of a test that may be a class it expects: all but those of named arguments, which say what may come besides."""
    def walk(node):
        if isinstance(node, ast.Constant):
            yield node.value
        elif not isinstance(node, ast.keyword):
            for child in ast.iter_child_nodes(node):
                yield from walk(child)
    return {value for value in walk(ast.parse(path.read_text())) if isinstance(value, str)}


def check():
    """@return 0 when each class is provoked or explained, and none is both"""
    provoked = set().union(*map(expected_in, tests())) & set(classes())
    wrong = [f"{name}: no behaviour test provokes it" for name in classes() if name not in provoked | NOT_PROVOKED.keys()]
    wrong += [f"{name}: explained as not provoked, but it is, or is no class" for name in NOT_PROVOKED
              if name in provoked or name not in classes()]
    print("\n".join(wrong) or f"{len(classes())} classes, {len(provoked)} provoked, {len(NOT_PROVOKED)} explained")
    return 1 if wrong else 0


def run(programs):
    """@return rows (class, provoked by, named as, where), and the tests that failed"""
    with tempfile.TemporaryDirectory() as directory:
        record = pathlib.Path(directory) / "named"
        record.touch()
        environment = os.environ | {"TSERVER_BIN": str(programs.resolve()), "TSERVER_FAULTS_NAMED": str(record)}
        failed = []
        for path in tests():
            print(f"{path.stem} …", file=sys.stderr, flush=True)
            done = subprocess.run([sys.executable, path], env=environment, capture_output=True, text=True)
            if done.returncode != 0:
                failed.append(path.stem)
                print(done.stdout[-4000:], done.stderr[-8000:], file=sys.stderr)
        return [json.loads(line) for line in record.read_text().splitlines()], failed


def print_table(rows):
    print("| Class | Provoked by | Named as | Seen in |\n|---|---|---|---|")
    for name in classes():
        mine = [row for row in rows if row[0] == name]
        for _, provoked_by, named, where in mine:
            shown = [str(cell).replace("|", "\\|") for cell in (provoked_by, named if named == name else f"**{named}**", where)]
            print(f"| {name} | {' | '.join(shown)} |")
        if not mine:
            print(f"| {name} | {NOT_PROVOKED.get(name, '**nothing**')} | | |")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    arguments.add_argument("--check", action="store_true")
    given = arguments.parse_args()
    if given.check:
        return check()
    rows, failed = run(given.bin)
    print_table(rows)
    wrong = [row for row in rows if row[0] != row[2]]
    exact = {row[0] for row in rows} - {row[0] for row in wrong}
    share = 100 * len(exact) / len(classes())
    print(f"\n{len(classes())} classes, {len(rows)} provocations: {len(exact)} classes named exactly ({share:.1f} %), "
          f"{len(wrong)} provocations named wrongly.")
    if failed:
        print(f"Tests that failed: {', '.join(failed)}.")
    return 1 if wrong or failed or share < WANTED else 0


if __name__ == "__main__":
    sys.exit(main())
