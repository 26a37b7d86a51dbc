#!/usr/bin/env python3
"""Runs the fuzz targets of tests/fuzz from their corpora, or measures what the corpora cover.

Exit code 1: a target found something. Every finding is a file, printed with the command that replays it."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/fuzz"
COVERAGE = ROOT / "build/coverage"
CORPUS = ROOT / "tests/corpus"
TARGETS = sorted(f.name.removesuffix("_fuzz.cpp") for f in (ROOT / "tests/fuzz").glob("*_fuzz.cpp"))

# A longer game of TFTP says nothing that a shorter one does not, and costs its length.
LONGEST = {"tftp": 1024}

# AddressSanitizer as it costs least: half of a run is its heap. No stacks of allocations, because the replay
# of a finding has them; a quarantine that stays in the cache of the processor.
QUICK = "quarantine_size_mb=4:thread_local_quarantine_size_kb=256:malloc_context_size=0:max_malloc_fill_size=0"

# For a number of executions: libFuzzer's weighting of the inputs costs a third of a run of the quick targets.
PLAIN_SCHEDULE = "-entropic=0"

# The files whose lines the corpora have to reach, by what they read.
PARSERS = {
    "trust list reader": ["trust/parse", "trust/list", "trust/roles"],
    "trust list verifier": ["trust/verify", "trust/decide"],
    "TFTP client": ["tftp/packet", "tftp/transfer", "tftp/http_reply"],
    "CAPF codec": ["capf/codec", "capf/key_spec"],
    "CAPF session": ["capf/enrol", "capf/dialogue"],
    "PKCS#12 and store reader": ["crypto/pkcs12", "store/meta"],
    "DER certificate loader": ["crypto/certificate"],
    "configuration parser": ["config/file", "config/values", "config/options", "config/config", "config/wire"],
    "change planner": ["config/plan"],
    "control protocol": ["control/frame"],
    "console HTTP request": ["console/request"],
    "status JSON": ["control/status", "control/event"],
}
WANTED = 95.0


def build(preset, folder, prefix):
    """The programs of all targets, quietly unless it fails."""
    for command in (["cmake", "--preset", preset], ["ninja", "-C", folder, *(f"{prefix}_{name}" for name in TARGETS)]):
        done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{done.stdout[-8000:]}{done.stderr[-8000:]}\nfailed: {' '.join(map(str, command))}")


def folders_of(name):
    """What fuzzing found on the way (kept for the next time), then the corpus of the repository."""
    new, kept = BUILD / "corpus" / name, CORPUS / name
    new.mkdir(parents=True, exist_ok=True)
    return [str(folder) for folder in (new, kept) if folder.exists()]


def fuzz(name, limit):
    """One target until `limit`; (executions, seconds, files found)."""
    found = BUILD / "found" / name
    found.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    command = [BUILD / "bin" / f"fuzz_{name}", limit, "-timeout=25", "-print_final_stats=1", f"-artifact_prefix={found}/"]
    if limit.startswith("-runs"):
        command.append(PLAIN_SCHEDULE)
    if name in LONGEST:
        command.append(f"-max_len={LONGEST[name]}")
    log = BUILD / "log" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    started = time.monotonic()
    with open(log, "wb") as out:
        done = subprocess.run(list(map(str, command)) + folders_of(name), stdout=out, stderr=subprocess.STDOUT, cwd=BUILD,
                              env={"ASAN_OPTIONS": QUICK} | os.environ)
    took = time.monotonic() - started
    text = log.read_text(errors="replace")
    count = re.search(r"stat::number_of_executed_units: (\d+)", text)
    files = sorted(set(found.iterdir()) - before)
    if done.returncode != 0 and not files:
        print(text[-4000:])
        sys.exit(f"{name}: ended with {done.returncode} and no finding; the whole output: {log}")
    return int(count.group(1)) if count else 0, took, files


def run(names, limit, jobs):
    build("fuzz", BUILD, "fuzz")
    print(f"{'target':18}{'executions':>14}{'seconds':>10}{'per second':>12}{'findings':>10}", flush=True)
    findings = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(fuzz, name, limit): name for name in names}
        for ended in concurrent.futures.as_completed(running):
            name = running[ended]
            executions, took, files = ended.result()
            print(f"{name:18}{executions:14,}{took:10.0f}{executions / took:12,.0f}{len(files):10}", flush=True)
            findings += [(name, file) for file in files]
    for name, file in findings:
        print(f"{name}: {file}\n  replay: {BUILD / 'bin' / f'fuzz_{name}'} {file}\n  output: {BUILD / 'log' / f'{name}.log'}")
    sys.exit(1 if findings else 0)


def merge(names):
    """Adds to the repository's corpora the smallest inputs found that reach something new."""
    build("fuzz", BUILD, "fuzz")
    for name in names:
        kept = CORPUS / name
        kept.mkdir(exist_ok=True)
        before = len(list(kept.iterdir()))
        with tempfile.TemporaryDirectory() as copy:
            subprocess.run([str(BUILD / "bin" / f"fuzz_{name}"), "-set_cover_merge=1", copy, str(kept), folders_of(name)[0]], cwd=BUILD,
                           capture_output=True, check=True)
            for file in pathlib.Path(copy).iterdir():
                if not any(file.read_bytes() == other.read_bytes() for other in kept.iterdir()):
                    shutil.copy(file, kept / file.name)
        print(f"{name:18}{before:6} inputs before,{len(list(kept.iterdir())):6} now")


def llvm(tool):
    """The tool of clang's own version."""
    version = re.search(r"version (\d+)", subprocess.run(["clang", "--version"], capture_output=True, text=True).stdout)
    return shutil.which(f"{tool}-{version.group(1)}") or shutil.which(tool) or sys.exit(f"no {tool}: package llvm")


def lines_of(data):
    """{path in src: ({line: runs})} of what `llvm-cov export -format=lcov` prints."""
    out, lines = {}, {}
    for row in data.splitlines():
        if row.startswith("SF:"):
            lines = out.setdefault(os.path.relpath(row[3:], ROOT / "src"), {})
        elif row.startswith("DA:"):
            number, runs = map(int, row[3:].split(",")[:2])
            lines[number] = max(lines.get(number, 0), runs)
    return out


def replayed():
    """Line coverage of every file after all corpora."""
    build("coverage", COVERAGE, "replay")
    programs = [str(COVERAGE / "bin" / f"replay_{name}") for name in TARGETS]
    with tempfile.TemporaryDirectory() as folder:
        for name, program in zip(TARGETS, programs):
            subprocess.run([program, str(CORPUS / name)], check=True, capture_output=True, timeout=600,
                           env=os.environ | {"LLVM_PROFILE_FILE": f"{folder}/{name}.profraw"})
        profile = f"{folder}/all.profdata"
        subprocess.run([llvm("llvm-profdata"), "merge", "-o", profile, *map(str, pathlib.Path(folder).glob("*.profraw"))], check=True)
        objects = [word for program in programs[1:] for word in ("-object", program)]
        return lines_of(subprocess.run([llvm("llvm-cov"), "export", "-format=lcov", f"-instr-profile={profile}", programs[0], *objects],
                                       check=True, capture_output=True, text=True).stdout)


def runs_of(numbers):
    """"3 5-7" for [3, 5, 6, 7]."""
    out = []
    for number in numbers:
        if out and out[-1][1] == number - 1:
            out[-1][1] = number
        else:
            out.append([number, number])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in out)


def coverage(show_missed):
    lines = replayed()
    print(f"{'part':27}{'file':24}{'lines':>7}{'reached':>9}{'':>9}")
    short = 0
    for part, files in PARSERS.items():
        for file in files:
            counted = lines[f"{file}.cpp"]
            missed = sorted(number for number, runs in counted.items() if runs == 0)
            share = 100 * (1 - len(missed) / len(counted))
            short += share <= WANTED
            print(f"{part:27}{file + '.cpp':24}{len(counted):7}{len(counted) - len(missed):9}{share:8.1f} %"
                  + (f"   not reached: {runs_of(missed)}" if show_missed and missed else ""))
    print(f"{short} files at or below {WANTED:g} %")
    sys.exit(1 if short else 0)


def arguments():
    parser = argparse.ArgumentParser(prog="./fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="TARGET | SECONDS",
                        help=f"targets (default: each of them) and for how long (default: 60); there are: {', '.join(TARGETS)}")
    parser.add_argument("--runs", type=int, metavar="N", help="so many executions instead of seconds")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1, help="targets at the same time (default: one a processor)")
    parser.add_argument("--coverage", action="store_true", help="the line coverage of the parsers by the corpora")
    parser.add_argument("--missed", action="store_true", help="with --coverage: the numbers of the lines that are not reached")
    parser.add_argument("--merge", action="store_true", help="add to the corpora what fuzzing found and they do not cover")
    given = parser.parse_args()
    seconds = [int(word) for word in given.words if word.isdigit()]
    names = [word for word in given.words if not word.isdigit()]
    unknown = [name for name in names if name not in TARGETS]
    if unknown or len(seconds) > 1:
        parser.error(f"no target {unknown[0]}; there are: {', '.join(TARGETS)}" if unknown else "two times")
    return given, names or TARGETS, seconds[0] if seconds else 60


def main():
    given, names, seconds = arguments()
    if given.coverage:
        coverage(given.missed)
    if given.merge:
        return merge(names)
    run(names, f"-runs={given.runs}" if given.runs else f"-max_total_time={seconds}", given.jobs)


if __name__ == "__main__":
    main()
