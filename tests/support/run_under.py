#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run a build's tests under another program: valgrind, or setpriv as an ordinary user.

    run_under.py BUILD [--only REGEX] [--except REGEX] [--timeout S] [--cwd DIR]
                 [--move FROM=TO]... -- LAUNCHER...

ctest knows the tests; it has no way to put a launcher before them without building them again.
Each result is one line in ctest's own form, so that tests/run.sh counts both alike; what failed is
run once more, as by ctest's `--repeat until-pass:2`. --move rewrites
paths for a copy of the tree, when the launcher's user may not read the original. {id} in a word of
the launcher is a number of each test's own: as a user's, it keeps a test from paying for the locked
memory of those before it, which the kernel gives back late.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time

# Beyond all of the system's users, and those of another run at the same time.
FIRST_ID = 100000 + os.getpid() % 1000 * 1000
GOOD = ("   Passed ", "***Skipped")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--only", type=re.compile, default="")
    parser.add_argument("--except", type=re.compile, default="^$", dest="left_out")
    parser.add_argument("--move", action="append", default=[])
    parser.add_argument("--cwd")
    parser.add_argument("--timeout", type=float, default=900)
    parser.add_argument("launcher", nargs="+")
    return parser.parse_args()


def property_of(test, name, default):
    return next((p["value"] for p in test.get("properties", []) if p["name"] == name), default)


def tests_of(options):
    """The test programs; hygiene and install are about the tree, not about what was built."""
    listing = subprocess.run(["ctest", "--test-dir", options.build, "--show-only=json-v1"],
                             check=True, capture_output=True, text=True).stdout
    for test in json.loads(listing)["tests"]:
        name, labels = test["name"], property_of(test, "LABELS", [])
        wanted = re.search(options.only, name) and not re.search(options.left_out, name)
        if wanted and not {"hygiene", "install"}.intersection(labels):
            yield test


def run(command, environment, cwd, timeout):
    """Return (what ctest would call it, output). The whole session of the test ends with it."""
    with subprocess.Popen(command, env=environment, cwd=cwd, stdin=subprocess.DEVNULL, text=True,
                          errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return "***Timeout", process.communicate()[0]
    outcome = {0: "   Passed ", 77: "***Skipped"}.get(process.returncode, "***Failed ")
    return outcome, output


def main():
    options = arguments()
    moves = [move.split("=", 1) for move in options.move]

    def moved(text):
        for source, target in moves:
            text = text.replace(source, target)
        return text

    tests = list(tests_of(options))
    bad = not tests
    for number, test in enumerate(tests, 1):
        environment = dict(os.environ)
        for setting in property_of(test, "ENVIRONMENT", []):
            name, _, value = setting.partition("=")
            environment[name] = moved(value)
        command = [word.replace("{id}", str(FIRST_ID + number)) for word in options.launcher]
        command += [moved(word) for word in test.get("command", ["/missing"])]
        cwd = options.cwd or property_of(test, "WORKING_DIRECTORY", options.build)
        for _ in range(2):
            start = time.monotonic()
            outcome, output = run(command, environment, cwd, options.timeout)
            seconds = time.monotonic() - start
            print(f"{number:3}/{len(tests)} Test #{number}: {test['name']} {outcome} "
                  f"{seconds:.2f} sec")
            # What a passing test skipped is of interest too.
            if outcome != "   Passed " or "SKIPPED" in output:
                print(output + "\n<end of output>")
            sys.stdout.flush()
            if outcome in GOOD:
                break
        bad |= outcome not in GOOD
    return bad


if __name__ == "__main__":
    sys.exit(main())
