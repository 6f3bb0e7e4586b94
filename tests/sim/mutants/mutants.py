#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Build the engine with one planted bug after the other, and see at which seed each is caught.

A patch begins with a line that says what is wrong; the rest is a diff to the engine. The unpatched
engine is built and run first: a workload that fails without any bug proves nothing.
"""
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
COPY = ROOT / "build/check/mutants"
SEEDS = 1000
FIRST = 1
# In order of cost; a bug need only be caught by one of them.
WORKLOADS = ["tree", "races", "spin", "locks", "channels", "tour", "echo", "server", "lines", "copy"]
ROUNDS = [10, 100, SEEDS]
# A bug may stop a loop for good; a seed takes milliseconds.
HANG_S = "5"


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, **options)


def sync_sources():
    """A copy that keeps the time of what has not changed, so that little is built again."""
    for name in ("engine", "include", "tools"):
        source, target = ROOT / name, COPY / "source" / name
        for path in sorted(source.rglob("*")):
            if path.is_file():
                to = target / path.relative_to(source)
                to.parent.mkdir(parents=True, exist_ok=True)
                if not to.exists() or to.read_bytes() != path.read_bytes():
                    shutil.copyfile(path, to)
        for path in sorted(target.rglob("*")):
            if path.is_file() and not (source / path.relative_to(target)).exists():
                path.unlink()
    for name in ("CMakeLists.txt",):
        shutil.copy2(ROOT / name, COPY / "source" / name)


def configure():
    answer = run("cmake", "-S", COPY / "source", "-B", COPY / "build", "-DBUILD_TESTING=OFF",
                 "-DCMAKE_BUILD_TYPE=Release")
    return answer.returncode == 0, answer.stdout + answer.stderr


def build():
    answer = run("cmake", "--build", COPY / "build", "--target", "rondo", "--parallel", "2")
    return answer.returncode == 0, answer.stdout + answer.stderr


def simulate(workload, first, n):
    """None, or (seed, what was seen)."""
    try:
        answer = run(COPY / "build/rondo", "sim", workload, "--first", first, "--seeds", n,
                     "--first-failure", "--hang", HANG_S, timeout=600)
    except subprocess.TimeoutExpired:
        return first, "the whole run hung"
    if answer.returncode == 0:
        return None
    lines = answer.stdout.splitlines()
    found = [(int(at.split("seed ")[1].split()[0]), line[len("SIM FAIL "):])
             for line, at in zip(lines, lines[1:]) if line.startswith("SIM FAIL ")]
    return min(found) if found else (first, (answer.stdout + answer.stderr)[-200:])


def hunt():
    """The first seed that fails, over all workloads, and what was seen; or None."""
    done = 0
    for upto in ROUNDS:
        for workload in WORKLOADS:
            caught = simulate(workload, FIRST + done, upto - done)
            if caught:
                return caught[0], workload, caught[1]
        done = upto
    return None


def patched(patch, reverse=False):
    command = ["patch", "-p1", "--no-backup-if-mismatch", "-i", patch] + (["-R"] if reverse else [])
    answer = run(*command, cwd=COPY / "source")
    return answer.returncode == 0, answer.stdout


def attempt(patch):
    """(ok, text, seed)"""
    good, why = patched(patch)
    if not good:
        return False, "the patch does not apply: " + why.strip().replace("\n", " "), None
    try:
        good, why = build()
        if not good:
            return False, "it does not build: " + why[-300:], None
        caught = hunt()
    finally:
        patched(patch, reverse=True)
    if not caught:
        return False, f"not caught by {SEEDS} seeds of {', '.join(WORKLOADS)}", None
    seed, workload, what = caught
    return True, f"seed {seed} of {workload}: {what}", seed


def main():
    patches = [p for p in sorted(HERE.glob("*.patch"))
               if not sys.argv[1:] or any(word in p.name for word in sys.argv[1:])]
    sync_sources()
    for step in (configure, build):
        good, why = step()
        if not good:
            print(f"FAIL sim/mutants: the engine does not build: {why[-500:]}")
            print("0 passed, 1 failed, 0 skipped")
            return 1
    for workload in WORKLOADS:
        caught = simulate(workload, FIRST, 200)
        if caught:
            print(f"FAIL sim/mutants: {workload} fails without any bug: {caught}")
            print("0 passed, 1 failed, 0 skipped")
            return 1
    seeds, n_failed, start = [], 0, time.monotonic()
    for patch in patches:
        good, text, seed = attempt(patch)
        print(f"{'ok' if good else 'FAIL'} sim/mutants/{patch.stem}: {text}", flush=True)
        n_failed += not good
        if good:
            seeds.append(seed - FIRST + 1)
    if seeds:
        print(f"caught {len(seeds)} of {len(patches)}, median after {statistics.median(seeds):g} "
              f"seeds, at most {max(seeds)}; {time.monotonic() - start:.0f} s")
    print(f"{len(seeds)} passed, {n_failed} failed, 0 skipped")
    return n_failed > 0


if __name__ == "__main__":
    sys.exit(main())
