#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Print the branch coverage of the engine's layers, and the branches nobody takes nor explains.

    branches.py ROOT BUILD LAYER...

gcov's own JSON is read. A branch counts unless it ends the program: on lines with BUG, and right
before them, the arm that was never taken is the one that nobody wants to see taken.

explained.txt, beside this file, says why a line has an arm that no test here takes. One line each:

    engine/LAYER/FILE.c [FUNCTION]: TEXT: WHY

TEXT is the line's text or a part of it, so that lines may move; FUNCTION, if given, narrows it to
that one, and then "*" is all of it. A WHY that begins with "sometimes" is a matter of time: some runs
take the arm. Told as stale: an explanation of lines that are gone, or that have all their arms taken.
Exit status 1 if a layer of the core (STRICT) has an arm that is neither taken nor explained.
"""
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile

STRICT = ("ring", "loop", "io", "task")


class Line:
    """A line of source with branches: how many arms it has, and how many were taken."""

    def __init__(self, root, path, number, function, arms):
        self.path, self.number, self.function = path, number, function or ""
        self.n_arms, self.n_taken = len(arms), sum(arms)
        texts = [text.strip() for text in (root / path).read_text().splitlines()]
        self.text = texts[number - 1]
        self.ends = "BUG" in self.text or texts[number:][:1] and texts[number].startswith("BUG(")
        self.explained = False

    @property
    def n_missing(self):
        return self.n_arms - self.n_taken


class Explanation:
    """A line of explained.txt."""

    def __init__(self, root, words):
        head, _, rest = words.partition(": ")
        self.words = words
        self.path, _, self.function = head.partition(" ")
        source = root / self.path
        self.text = self.longest(rest, source.read_text() if source.exists() else "")
        self.is_of_some_runs = ": sometimes" in rest

    @staticmethod
    def longest(rest, source):
        """TEXT may itself have a colon in it: it is as much as the file has of it."""
        if rest.startswith("*: "):
            return ""
        ends = [match.start() for match in re.finditer(": ", rest)]
        return next((rest[:end] for end in reversed(ends) if rest[:end] in source), None)

    def fits(self, line):
        return (self.text is not None and line.path == self.path and self.text in line.text and
                self.function in ("", line.function))


def records(build, layer):
    """gcov's word on every file of a layer, headers included."""
    objects = sorted(build.glob(f"CMakeFiles/rondo_objects.dir/engine/{layer}/*.gcda"))
    with tempfile.TemporaryDirectory() as folder:
        for path in objects:
            subprocess.run(["gcov", "--json-format", "--branch-probabilities", str(path)],
                           cwd=folder, stdout=subprocess.DEVNULL, check=False)
        for answer in pathlib.Path(folder).glob("*.gcov.json.gz"):
            yield from json.loads(gzip.open(answer).read())["files"]


def lines_of(root, build, layer):
    """The lines of a layer that branch, and on which the program does not end."""
    lines = {}
    for record in records(build, layer):
        name = pathlib.Path(record["file"]).name
        if not name.endswith(".c") or f"engine/{layer}/" not in record["file"]:
            continue
        for line in record["lines"]:
            if line["branches"]:
                lines[name, line["line_number"]] = Line(
                    root, f"engine/{layer}/{name}", line["line_number"],
                    line.get("function_name"), [arm["count"] > 0 for arm in line["branches"]])
    return [line for _, line in sorted(lines.items()) if not line.ends]


def explanations(root):
    words = (root / "tests/coverage/explained.txt").read_text().splitlines()
    return [Explanation(root, w) for w in words if w.strip() and not w.startswith("#")]


def explain(lines, why):
    """Mark what is explained; returns the explanations that explain nothing."""
    stale = []
    for explanation in why:
        fitting = [line for line in lines if line.n_missing and explanation.fits(line)]
        for line in fitting:
            line.explained = True
        if not fitting and not explanation.is_of_some_runs:
            stale.append(explanation)
    return stale


def share(name, lines):
    n_arms = sum(line.n_arms for line in lines)
    n_taken = sum(line.n_taken for line in lines)
    n_explained = sum(line.n_missing for line in lines if line.explained)
    print(f"{name:6} {n_taken} of {n_arms} branches, {100 * n_taken / max(n_arms, 1):.1f} %; "
          f"{n_explained} explained, {n_arms - n_taken - n_explained} not")


def main():
    root, build = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    layers = {name: lines_of(root, build, name) for name in sys.argv[3:]}
    every = [line for lines in layers.values() for line in lines]
    stale = explain(every, [e for e in explanations(root) if e.path.split("/")[1] in layers])
    for name, lines in layers.items():
        share(name, lines)
    share("all", every)
    for explanation in stale:
        print(f"stale: {explanation.words}")
    missing = [line for line in every if line.n_missing and not line.explained]
    for line in missing:
        print(f"{line.path}:{line.number}: {line.function}: {line.n_missing} never taken: {line.text}")
    return any(line.path.split("/")[1] in STRICT for line in missing)


if __name__ == "__main__":
    sys.exit(main())
