#!/usr/bin/env python3
"""Changes conditions one by one and runs the unit tests of the folder: which changes does no test notice?

Works in a copy of the tree (removed at the end). A change that does not compile is not counted. Exit code 1: at
least one in ten of the changes has survived."""
import argparse
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

# The rules whose loss would be a hole, by part: file and the test program that has to notice.
PARTS = {
    "trust": [("src/trust/verify.cpp", "trust_test"), ("src/trust/decide.cpp", "trust_test"), ("src/trust/list.cpp", "trust_test")],
    "peer": [("src/trust/roles.cpp", "trust_test"), ("src/capf/client.cpp", "capf_test")],
    "store": [("src/store/identity_store.cpp", "store_test"), ("src/store/generations.cpp", "store_test"),
              ("src/store/identity_files.cpp", "store_test"), ("src/store/trust_store.cpp", "store_test"),
              ("src/store/meta.cpp", "store_test"), ("src/crypto/pkcs12.cpp", "crypto_test"),
              ("src/crypto/passphrase.cpp", "crypto_test"), ("src/crypto/shrouded_key.cpp", "crypto_test")],
    "code": [("src/store/code_memory.cpp", "store_test"), ("src/capf/enrol.cpp", "capf_test")],
}
SWAPS = {" == ": " != ", " != ": " == ", " < ": " <= ", " <= ": " < ", " > ": " >= ", " >= ": " > ", " && ": " || ", " || ": " && ",
         "return true;": "return false;", "return false;": "return true;", "any_of(": "all_of(", "all_of(": "any_of("}
REFUSES = re.compile(r"\s*(co_)?return (fail\(|tl::unexpected|std::nullopt|false|broken\(|unsupported\(|wrong\()")


def blanked(text):
    """The text with comments, strings and preprocessor lines as blanks, places kept."""
    hide = re.compile(r'//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|^#[^\n]*', re.MULTILINE)
    return hide.sub(lambda found: " " * len(found.group()), text)


def closing(text, at):
    """The place of the bracket that closes the one at `at`."""
    depth = 0
    for place in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise ValueError("bracket without an end")


def condition(code, at):
    """(begin, end) of the condition of the `if (` whose bracket is at `at`; None for a declaration alone."""
    end = closing(code, at)
    begin = at + 1
    if ";" in code[begin:end]:
        begin = code.rindex(";", begin, end) + 1
    inside = code[begin:end]
    declares = re.match(r"\s*(const )?(auto|[\w:]+)[ &*]+\w+ = ", inside) is not None
    return None if declares else (begin, end)


def mutants(name):
    """(begin, end, new text, what) for each change of the file."""
    text = (ROOT / name).read_text()
    code = blanked(text)
    out = []
    for found in re.finditer(r"\bif \(", code):
        part = condition(code, found.end() - 1)
        if part is None:
            continue
        begin, end = part
        inner = text[begin:end].strip()
        out.append((begin, end, f" !({inner})", "negated"))
        if REFUSES.match(code, closing(code, found.end() - 1) + 1):
            out.append((begin, end, f" false && ({inner})", "check dropped"))
    for found in re.finditer(r"\bCHECK\(", code):
        out.append((found.start(), found.end(), "static_cast<void>(", "check dropped"))
    for old, new in SWAPS.items():
        for found in re.finditer(re.escape(old), code):
            out.append((found.start(), found.end(), new, f"{old.strip()} -> {new.strip()}"))
    for found in re.finditer(r"(?:[<>=] |\{|[-+] )(\d+)\b(?=[;,)}: ])", code):
        line = code[code.rfind("\n", 0, found.start()) + 1:code.find("\n", found.start())]
        if "constexpr" in line or re.search(r" [<>]=? | [=!]= ", line):
            number = found.group(1)
            out.append((found.start(1), found.end(1), str(int(number) + 1), f"{number} -> {int(number) + 1}"))
    return [(name, text.count("\n", 0, begin) + 1, begin, end, new, what) for begin, end, new, what in out]


class Copy:
    """A copy of the tree with a build of the test programs, without optimisation and one object a source."""

    def __init__(self, programs):
        (ROOT / "build").mkdir(exist_ok=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mutation-", dir=ROOT / "build"))
        for name in subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n"):
            if name and (ROOT / name).is_file():
                target = self.folder / "tree" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        self.build = self.folder / "build"
        configure = ["cmake", "-G", "Ninja", "-S", self.folder / "tree", "-B", self.build, "-DCMAKE_BUILD_TYPE=Debug",
                     "-DCMAKE_CXX_FLAGS_DEBUG=-O0 -g0 -Wno-error", "-DTSERVER_TESTS=ON", "-DCMAKE_UNITY_BUILD=OFF"]
        for command in (configure, ["ninja", "-C", self.build, *programs]):
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
            if done.returncode != 0:
                self.remove()
                sys.exit(f"the copy does not build: {done.stdout[-4000:]}{done.stderr[-4000:]}")

    def tested(self, program, limit):
        """Whether the tests pass within the limit."""
        try:
            return subprocess.run([str(self.build / "bin" / program), "--gtest_brief=1", "--gtest_break_on_failure=0", "--gtest_fail_fast"],
                                  cwd=self.folder, capture_output=True, timeout=limit).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def outcome(self, mutant, program, limit):
        """"killed", "survived" or "does not compile" of one change, which is taken back."""
        name, _, begin, end, new, _ = mutant
        file = self.folder / "tree" / name
        text = (ROOT / name).read_text()
        file.write_text(text[:begin] + new + text[end:])
        try:
            if subprocess.run(["ninja", "-C", str(self.build), program], capture_output=True).returncode != 0:
                return "does not compile"
            return "survived" if self.tested(program, limit) else "killed"
        finally:
            file.write_text(text)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def chosen(files, limit, seed, places):
    """All changes of the files, or `limit` of them drawn at random (and those at `places` before them)."""
    every = [mutant for name, _ in files for mutant in mutants(name)]
    if not limit or limit >= len(every):
        return every
    wanted = [mutant for mutant in every if f"{mutant[0]}:{mutant[1]}" in places]
    return wanted + [mutant for mutant in random.Random(seed).sample(every, limit) if mutant not in wanted]


def limits(copy, programs):
    """How long the tests of each program may take: five times what they take unchanged."""
    out = {}
    for program in programs:
        started = time.monotonic()
        if not copy.tested(program, 600):
            sys.exit(f"{program} fails without any change")
        out[program] = 10 + 5 * (time.monotonic() - started)
    return out


def check(parts, given):
    files = {part: PARTS[part] for part in parts}
    tests = {name: program for listed in files.values() for name, program in listed}
    copy = Copy(sorted(set(tests.values())))
    counts, survivors = {}, []
    try:
        allowed = limits(copy, sorted(set(tests.values())))
        for part, listed in files.items():
            until = time.monotonic() + 60 * given.minutes if given.minutes else None
            for mutant in chosen(listed, given.limit, given.seed, given.at):
                if until and time.monotonic() > until:
                    break
                name, line, *_, new, what = mutant
                outcome = copy.outcome(mutant, tests[name], allowed[tests[name]])
                counts.setdefault((part, name), []).append(outcome)
                if outcome == "survived":
                    survivors.append((name, line, what, new))
                    print(f"survived: {name}:{line}: {what}: {' '.join(new.split())}", flush=True)
    finally:
        copy.remove()
    return counts, survivors


def report(counts):
    print(f"{'part':8}{'file':34}{'changes':>9}{'killed':>8}{'survived':>10}{'not compiled':>14}")
    all_killed = all_survived = 0
    for (part, name), outcomes in counts.items():
        killed, survived, broken = (outcomes.count(word) for word in ("killed", "survived", "does not compile"))
        print(f"{part:8}{name:34}{killed + survived:9}{killed:8}{survived:10}{broken:14}")
        all_killed, all_survived = all_killed + killed, all_survived + survived
    total = all_killed + all_survived
    share = 100 * all_survived / total if total else 0
    print(f"{total} changes, {all_killed} killed, {all_survived} survived ({share:.1f} %)")
    return share < 10


def main():
    parser = argparse.ArgumentParser(prog="scripts/mutate.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"default: each of them; there are: {', '.join(PARTS)}")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="at most so many changes a part, drawn at random")
    parser.add_argument("--seed", type=int, default=1, help="of the draw (default: 1)")
    parser.add_argument("--at", action="append", default=[], metavar="FILE:LINE", help="the changes there too, whatever is drawn")
    parser.add_argument("--minutes", type=float, default=0, metavar="M", help="no longer than this a part; the rest is not counted")
    parser.add_argument("--list", action="store_true", help="print the changes, build nothing")
    given = parser.parse_args()
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part {unknown[0]}; there are: {', '.join(PARTS)}")
    parts = given.parts or list(PARTS)
    if given.list:
        for part in parts:
            for name, line, *_, new, what in chosen(PARTS[part], given.limit, given.seed, given.at):
                print(f"{part:6} {name}:{line}: {what}: {' '.join(new.split())}")
        return
    counts, _ = check(parts, given)
    sys.exit(0 if report(counts) else 1)


if __name__ == "__main__":
    main()
