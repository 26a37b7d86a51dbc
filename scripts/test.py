#!/usr/bin/env python3
"""All checks, in the order in which they fail fastest. With names as arguments: only those steps; `all`: every step."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
JOBS = str(os.cpu_count() or 2)
SOURCES = [f for f in subprocess.run(["git", "ls-files", "*.cpp", "*.hpp"], cwd=ROOT, capture_output=True, text=True,
                                     check=True).stdout.split() if (ROOT / f).exists()]


def run(*command, quiet=False, **more):
    """The command, or the end of everything with its output."""
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=quiet, text=True, **more)
    if done.returncode != 0:
        if quiet:
            print(done.stdout[-20000:], done.stderr[-20000:])
        sys.exit(f"failed: {' '.join(map(str, command))}")
    return done.stdout


def build(preset, *settings):
    run("cmake", "--preset", preset, *settings, quiet=True)
    run("ninja", "-C", f"build/{preset}", quiet=True)


def ctest(preset, label=None, jobs=None, **environment):
    select = ["-L", label] if label else []
    run("ctest", "--test-dir", f"build/{preset}", "--output-on-failure", "--no-tests=error", "-j", jobs or str(int(JOBS) * 2),
        *select, env=os.environ | environment)


def formatted():
    """clang-format changes nothing."""
    run("clang-format", "--dry-run", "--Werror", *SOURCES)


def release():
    """Unit tests, corpora, structure and behaviour, as shipped."""
    build("release", "-DTSERVER_TESTS=ON")
    ctest("release")


def asan():
    """The programs under AddressSanitizer and UndefinedBehaviorSanitizer: every behaviour test again."""
    run("cmake", "--preset", "asan", quiet=True)
    run("ninja", "-C", "build/asan", "tserver", "tserver-link", "tserverctl", "ucmsim", quiet=True)
    ctest("asan", "behaviour", JOBS, ASAN_OPTIONS="detect_stack_use_after_return=1", UBSAN_OPTIONS="print_stacktrace=1")


def tsan():
    """The parts with threads under ThreadSanitizer."""
    build("tsan")
    # The sanitizer needs a fixed address layout.
    run("setarch", "-R", "ctest", "--test-dir", "build/tsan", "--output-on-failure", "--no-tests=error", "-j", JOBS,
        "-R", "unit.(net|capf|sim|tftp|control)|behaviour.three")


def fuzzers():
    """The fuzz targets build with clang, and each runs for a moment from its corpus."""
    run("cmake", "--preset", "fuzz", quiet=True)
    run("ninja", "-C", "build/fuzz", quiet=True)
    for program in sorted((ROOT / "build/fuzz/bin").glob("fuzz_*")):
        corpus = ROOT / "tests/corpus" / program.name.removeprefix("fuzz_")
        with tempfile.TemporaryDirectory() as found:
            run(program, "-runs=2000", "-max_total_time=5", "-verbosity=0", found, corpus, quiet=True)


def tidy():
    """clang-tidy over every source of ours (tests apart)."""
    flags = ["-std=c++20", f"-I{ROOT}/src", f"-I{ROOT}", '-DTSERVER_VERSION="0"', '-DTSERVER_TEST_DATA="."']
    files = [f for f in SOURCES if f.endswith(".cpp") and not f.endswith(("_test.cpp", "_bench.cpp", "_fuzz.cpp"))]
    waiting = list(files)
    running = []
    bad = []
    while waiting or running:
        while waiting and len(running) < int(JOBS):
            name = waiting.pop()
            running.append((name, subprocess.Popen(["clang-tidy", "--quiet", name, "--", *flags], cwd=ROOT, text=True,
                                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)))
        name, process = running.pop(0)
        out, _ = process.communicate()
        if process.returncode != 0:
            bad.append(name)
            print(out)
    if bad:
        sys.exit(f"clang-tidy: {', '.join(bad)}")


# Without arguments: what a submission has to pass. The others are minutes more each, by name or with `all`.
USUAL = ["format", "release"]
STEPS = {"format": formatted, "release": release, "asan": asan, "tsan": tsan, "fuzz": fuzzers, "tidy": tidy}


def main():
    wanted = list(STEPS) if sys.argv[1:] == ["all"] else sys.argv[1:] or USUAL
    unknown = [name for name in wanted if name not in STEPS]
    if unknown:
        sys.exit(f"no step {unknown[0]}; there are: {', '.join(STEPS)}")
    times = []
    for name in wanted:
        started = time.monotonic()
        print(f"=== {name}: {re.sub(chr(10) + '.*', '', STEPS[name].__doc__)}", flush=True)
        STEPS[name]()
        times.append((name, time.monotonic() - started))
    print("\n".join(f"{name:10} {seconds:6.0f} s" for name, seconds in times))
    print(f"{len(times)} passed, 0 failed")


if __name__ == "__main__":
    main()
