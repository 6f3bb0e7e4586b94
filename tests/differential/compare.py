#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the same scenarios in asyncio and in rondo, and compare what happened, in order.

    compare.py --rondo PROGRAM [--seeds N] [--first SEED] [--python PYTHON]...
    compare.py --rondo PROGRAM --self-test

The scenarios come from seeds (generate.py); the first one from the commit, so that every commit
looks somewhere else and every run of one commit at the same place. Without --python, the newest
CPython that is found is asked; from 3.13 on for everything, an older one for what was the same
then. Each --python is asked in turn. A scenario with two outcomes is made smaller until nothing can
be left out, and shown.
"""
import argparse
import concurrent.futures
import copy
import glob
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import generate
import script

HERE = pathlib.Path(__file__).resolve().parent
SKIP = 77
OLDEST = (3, 11)  # the first with groups, limits and barriers
BATCH = 1000
TIMEOUT_S = 300  # for a batch, which takes one or two
HANGS = ["hangs"]
ENOUGH = 20  # scenarios with two outcomes


# --- both sides -----------------------------------------------------------------------------------

def run_command(command, scenarios):
    """Returns (lines that were whole, how it failed or None)."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        for scenario in scenarios:
            print(*script.lines_of(scenario), sep="\n", file=file)
        file.flush()
        try:
            result = subprocess.run([*command, file.name], capture_output=True, text=True,
                                    timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            return (error.stdout or b"").decode().splitlines(), HANGS
    failed = result.returncode or result.stderr
    return result.stdout.splitlines(), \
        f"exit {result.returncode}: {result.stderr[-2000:]}".split() if failed else None


def run_side(command, scenarios):
    """What happened in each scenario, as one side tells it; perhaps that it crashed or hung."""
    outcomes = []
    while len(outcomes) < len(scenarios):
        lines, failed = run_command(command, scenarios[len(outcomes):])
        outcomes += [line.split()[1:] for line in lines]
        if failed:
            outcomes.append(failed)
    return outcomes[:len(scenarios)]


class Sides:
    def __init__(self, python, rondo):
        self.commands = [[python, "-B", str(HERE / "asyncio_side.py")], [rondo]]

    def outcomes(self, scenarios):
        """For each scenario: what happened in asyncio, and in rondo."""
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return list(zip(*pool.map(lambda c: run_side(c, scenarios), self.commands)))


def declared(events):
    """The ID of the first deviation that is on purpose, and how many events come before it."""
    for i, event in enumerate(events):
        if event.startswith("declared:"):
            return event.removeprefix("declared:"), i
    return None, None


def first_difference(expected, found):
    """The number of the first event that differs and should not; None: there is none."""
    _, end = declared(expected)
    expected, found = expected[:end], found[:end]
    for i, (one, other) in enumerate(zip(expected, found)):
        if one != other:
            return i
    return None if len(expected) == len(found) else min(len(expected), len(found))


# --- shrinking ------------------------------------------------------------------------------------

def smaller_blocks(ops):
    """Yield the block with one thing less."""
    for i, op in enumerate(ops):
        yield ops[:i] + ops[i + 1:]
        if op.body is not None:
            yield ops[:i] + op.body + (op.cleanup or []) + ops[i + 1:]
        for part in ("body", "cleanup"):
            for block in smaller_blocks(getattr(op, part) or []):
                changed = copy.copy(op)
                setattr(changed, part, block)
                yield ops[:i] + [changed] + ops[i + 1:]
        if op.swallow:
            changed = copy.copy(op)
            changed.swallow = False
            yield ops[:i] + [changed] + ops[i + 1:]


def smaller(scenario):
    for i, program in enumerate(scenario.programs):
        for block in smaller_blocks(program):
            changed = copy.copy(scenario)
            changed.programs = list(scenario.programs)
            changed.programs[i] = block
            yield changed


def shrink(sides, scenario):
    """Leave out what can be left out, so that the outcomes still differ."""
    while True:
        candidates = list(smaller(scenario))
        for candidate, (expected, found) in zip(candidates, sides.outcomes(candidates)):
            if first_difference(expected, found) is not None:
                scenario = candidate
                break
        else:
            return scenario


def show(sides, scenario, outcome):
    small = scenario if HANGS in outcome else shrink(sides, scenario)
    (expected, found), = [outcome] if HANGS in outcome else sides.outcomes([small])
    at = first_difference(expected, found)
    print(f"seed {scenario.seed}: two outcomes of", *script.lines_of(small), sep="\n    ")
    print("both:   ", *expected[:at])
    print("asyncio:", *expected[at:])
    print("rondo:  ", *found[at:])


# --- which CPython --------------------------------------------------------------------------------

def version_of(python):
    """(3, minor), or None if it is no CPython that works."""
    code = "import sys; print(sys.implementation.name, *sys.version_info[:2])"
    try:
        result = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
    except OSError:
        return None
    words = result.stdout.split()
    if result.returncode or len(words) != 3 or words[0] != "cpython":
        return None
    return int(words[1]), int(words[2])


def newest_python():
    """The newest CPython of the PATH, of the system and of pyenv."""
    names = ["python3", *(f"python3.{minor}" for minor in range(OLDEST[1], 20))]
    found = {shutil.which(name) for name in names} - {None}
    found.update(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3")))
    versions = [(version_of(python), python) for python in sorted(found)]
    return max((v for v in versions if v[0] and v[0] >= OLDEST), default=(None, None))[1]


# --- runs -----------------------------------------------------------------------------------------

def compare(sides, minor, seeds, n_shown=3):
    """Returns how many scenarios had two outcomes, and how many ended in which deviation."""
    n_bad, deviations = 0, {}
    for start in range(seeds.start, seeds.stop, BATCH):
        if n_bad > ENOUGH:
            print("and so on: the rest was not compared")
            break
        batch = [generate.scenario(seed, minor)
                 for seed in range(start, min(start + BATCH, seeds.stop))]
        for scenario, (expected, found) in zip(batch, sides.outcomes(batch)):
            name, _ = declared(expected)
            if first_difference(expected, found) is not None:
                n_bad += 1
                if n_bad <= n_shown:
                    show(sides, scenario, (expected, found))
            elif name:
                deviations[name] = deviations.get(name, 0) + 1
    return n_bad, deviations


def seed_of_commit():
    """The commit's number, or 1 outside a repository."""
    try:
        result = subprocess.run(["git", "-C", str(HERE), "rev-parse", "--short=7", "HEAD"],
                                capture_output=True, text=True)
    except OSError:
        return 1
    return int(result.stdout, 16) if result.returncode == 0 else 1


def run(options):
    pythons = options.python or [newest_python()]
    first = seed_of_commit() if options.first is None else options.first
    bad = False
    for python in pythons:
        version = python and version_of(python)
        if not version or version < OLDEST:
            print(f"no CPython {OLDEST[0]}.{OLDEST[1]} or newer to compare with")
            return SKIP
        seeds = range(first, first + options.seeds)
        n_bad, deviations = compare(Sides(python, options.rondo), version[1], seeds)
        listed = ", ".join(f"{name} {n}" for name, n in sorted(deviations.items())) or "none"
        print(f"CPython {version[0]}.{version[1]}: {len(seeds)} scenarios from seed {first} on, "
              f"{n_bad} with two outcomes; deviations on purpose: {listed}")
        bad |= n_bad > 0
    return bad


def self_test(options):
    """A side that is wrong is noticed, and its scenario made small."""
    python = options.python[0] if options.python else newest_python()
    if not python:
        print("no CPython to compare with")
        return SKIP
    minor = version_of(python)[1]
    wrong = Sides(python, options.rondo)
    right = wrong.outcomes

    def swapped(scenarios):
        """rondo, if cancel() said false whenever it says true."""
        return [(e, [w.replace(":cancel=1", ":cancel=0") for w in f]) for e, f in right(scenarios)]
    wrong.outcomes = swapped
    scenarios = [generate.scenario(seed, minor) for seed in range(50)]
    scenario = next(s for s, (events, _) in zip(scenarios, right(scenarios))
                    if any(":cancel=1" in event for event in events)
                    and sum(len(program) for program in s.programs) >= 10)
    small = shrink(wrong, scenario)
    n_left = sum(len(program) for program in small.programs)
    print(*script.lines_of(small), sep="\n")
    n_before = sum(len(program) for program in scenario.programs)
    is_small = n_left <= min(5, n_before // 2)  # the cancel, and who creates the task it is of
    print(f"{n_left} of {n_before} statements left; {'as it should be' if is_small else 'WRONG'}")
    same = list(script.parse("\n".join(script.lines_of(scenario))))[0]
    parsed = list(script.lines_of(same)) == list(script.lines_of(scenario))
    print(f"written and parsed again: {'as it should be' if parsed else 'WRONG'}")
    return not (is_small and parsed)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rondo", required=True)
    parser.add_argument("--seeds", type=int, default=10000)
    parser.add_argument("--first", type=int)
    parser.add_argument("--python", action="append")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    return self_test(options) if options.self_test else run(options)


if __name__ == "__main__":
    sys.exit(main())
