#!/usr/bin/env python3
"""All checks, in the order in which they fail fastest. With names as arguments: only those steps; `all`: every step."""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
JOBS = str(os.cpu_count() or 2)
PROGRAMS = ["tserver", "tserver-link", "tserverctl", "ucmsim"]
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


def build(preset, *settings, target="all"):
    run("cmake", "--preset", preset, *settings, quiet=True)
    run("ninja", "-C", f"build/{preset}", target, quiet=True)


def ctest(preset, *select, jobs=JOBS, before=(), **environment):
    run(*before, "ctest", "--test-dir", f"build/{preset}", "--output-on-failure", "--no-tests=error", "-j", jobs, *select,
        env=os.environ | environment)


def formatted():
    """clang-format changes nothing."""
    run("clang-format", "--dry-run", "--Werror", *SOURCES)


INSIDE = "^(unit|corpus)$"  # the tests that are compiled with the code; the others run the programs


def shipped():
    """Behaviour, torture and structure, of the programs as shipped."""
    build("release", "-DTSERVER_TESTS=ON", target="shipped")
    ctest("release", "-LE", INSIDE, jobs=int(JOBS) * 2)  # they wait more than they compute


def release():
    """Every test as shipped."""
    build("release", "-DTSERVER_TESTS=ON")
    ctest("release", jobs=int(JOBS) * 2)


ADDRESSES = {"ASAN_OPTIONS": "detect_stack_use_after_return=1", "UBSAN_OPTIONS": "print_stacktrace=1"}


def units():
    """Unit tests and corpora under AddressSanitizer and UndefinedBehaviorSanitizer."""
    build("asan", "-DTSERVER_TESTS=ON", target="units")
    ctest("asan", "-L", INSIDE, **ADDRESSES)


def asan():
    """Everything under AddressSanitizer and UndefinedBehaviorSanitizer."""
    build("asan", "-DTSERVER_TESTS=ON")
    ctest("asan", **ADDRESSES)


# The parts with threads: worker threads of enrolment and names, and the simulated cluster.
THREADED = ["net", "tftp", "capf", "sim"]
MANY_TURNS = "EveryCut.*:TftpServerTest.RollsBlockNumbersOver*"  # ten thousands of turns, and no thread that others do not have
THREADED_LIVES = ["three-links-from-nothing", "restart-needs-no-code", "ctimanager-lost-and-back"]


def tsan():
    """The parts with threads, and whole lives of links, under ThreadSanitizer."""
    run("cmake", "--preset", "tsan", quiet=True)
    run("ninja", "-C", "build/tsan", *PROGRAMS, *(f"{folder}_test" for folder in THREADED), quiet=True)
    only = f"^(unit.({'|'.join(THREADED)})|behaviour.({'|'.join(THREADED_LIVES)}))$"
    # The sanitizer needs a fixed address layout.
    ctest("tsan", "-R", only, jobs=JOBS, before=["setarch", "-R"], GTEST_FILTER=f"-{MANY_TURNS}")


def fuzzers():
    """The fuzz targets build with clang, and each runs for a moment from its corpus."""
    run("cmake", "--preset", "fuzz", quiet=True)
    run("ninja", "-C", "build/fuzz", quiet=True)
    for program in sorted((ROOT / "build/fuzz/bin").glob("fuzz_*")):
        corpus = ROOT / "tests/corpus" / program.name.removeprefix("fuzz_")
        with tempfile.TemporaryDirectory() as found:
            run(program, "-runs=2000", "-max_total_time=5", "-verbosity=0", found, corpus, quiet=True)


def clang_tidy(files, *options):
    """clang-tidy on each file, as many at once as there are processors."""
    listed = re.search(r"set\(TSERVER_PRECOMPILED ([^)]*)\)", (ROOT / "cmake/targets.cmake").read_text()).group(1)
    precompiled = [word for header in re.findall(r"<([^>]+)>", listed) for word in ("-include", header)]
    flags = ["-std=c++20", f"-I{ROOT}/src", f"-I{ROOT}", '-DTSERVER_VERSION="0"', '-DTSERVER_TEST_DATA="."', *precompiled]

    def check(name):
        return name, subprocess.run(["clang-tidy", "--quiet", f"--config-file={ROOT}/.clang-tidy", *options, name, "--", *flags],
                                    cwd=ROOT, text=True, capture_output=True)

    with concurrent.futures.ThreadPoolExecutor(int(JOBS)) as pool:
        bad = [(name, done.stdout) for name, done in pool.map(check, map(str, files)) if done.returncode != 0]
    for _, out in bad:
        print(out)
    if bad:
        sys.exit(f"clang-tidy: {', '.join(name for name, _ in bad)}")


def tidy():
    """clang-tidy over every source of ours (tests apart), the files of a folder together."""
    run("cmake", "--preset", "release", quiet=True)
    together = [f for f in (ROOT / "build/release/CMakeFiles").glob("ts_*.dir/Unity/*.cxx")]
    programs = [f for f in SOURCES if re.match(r"src/bin/|sim/main/", f)]
    clang_tidy(sorted(together) + programs, "--checks=-clang-analyzer-*,-bugprone-suspicious-include,"
               "-modernize-use-nullptr")  # which takes a defaulted <=> for a 0


def cppcheck():
    """cppcheck over every source of ours (tests apart). It does not know that a coroutine ends with co_return, nor a parameter
    that a coroutine has to own, and takes those for faults; it gives up on a file with durations (3s) in it."""
    unknown = ["missingReturn", "accessMoved", "nullPointerRedundantCheck", "passedByValue", "danglingLifetime", "returnDanglingLifetime",
               "returnStdMoveLocal", "mismatchingContainerExpression", "incorrectStringBooleanError", "cppcheckError"]
    run("cppcheck", "--std=c++20", "--language=c++", "--enable=warning,performance,portability", "--inline-suppr", "--quiet",
        "--error-exitcode=1", f"-j{JOBS}", f"-I{ROOT}/src", *(f"--suppress={name}" for name in unknown),
        *(f for f in SOURCES if re.match(r"(src|sim)/.*\.cpp$", f) and not f.endswith("_test.cpp")))


def analyze():
    """clang's static analyzer over every source of ours (tests apart)."""
    clang_tidy([f for f in SOURCES if re.match(r"(src|sim)/.*\.cpp$", f) and not f.endswith("_test.cpp")],
               "--checks=-*,clang-analyzer-*,-clang-analyzer-optin.cplusplus.VirtualCall")


# Without arguments: what a submission has to pass. A unit test is compiled once for it, where it finds most. The others are
# minutes more each, by name or with `all`.
USUAL = ["format", "shipped", "units", "tsan"]
ALL = ["format", "release", "asan", "tsan", "tidy", "cppcheck", "fuzz", "analyze"]
STEPS = {"format": formatted, "shipped": shipped, "units": units, "release": release, "asan": asan, "tsan": tsan, "tidy": tidy, "cppcheck": cppcheck,
         "fuzz": fuzzers, "analyze": analyze}


def main():
    wanted = ALL if sys.argv[1:] == ["all"] else sys.argv[1:] or USUAL
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
