#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Print the branch coverage of the engine's layers, and the lines with branches never taken.

    branches.py ROOT BUILD LAYER...

gcov's own JSON is read. A branch counts unless it ends the program: on lines with BUG the arm that
was never taken is the one that nobody wants to see taken.
"""
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile


def records(build, layer):
    """gcov's word on every file of a layer, headers included."""
    objects = sorted(build.glob(f"CMakeFiles/rondo_objects.dir/engine/{layer}/*.gcda"))
    with tempfile.TemporaryDirectory() as folder:
        for path in objects:
            subprocess.run(["gcov", "--json-format", "--branch-probabilities", str(path)],
                           cwd=folder, stdout=subprocess.DEVNULL, check=False)
        for answer in pathlib.Path(folder).glob("*.gcov.json.gz"):
            yield from json.loads(gzip.open(answer).read())["files"]


def main():
    root, build = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    total = taken = 0
    missing = []
    for layer in sys.argv[3:]:
        lines = {}
        for record in records(build, layer):
            path = pathlib.Path(record["file"])
            if not str(path).endswith(".c") or f"engine/{layer}/" not in str(path):
                continue
            for line in record["lines"]:
                if line["branches"]:
                    lines[(path.name, line["line_number"])] = [b["count"] > 0 for b in line["branches"]]
        n_layer = n_taken = 0
        for (name, number), arms in sorted(lines.items()):
            text = (root / "engine" / layer / name).read_text().splitlines()[number - 1].strip()
            if "BUG" in text:
                continue
            n_layer += len(arms)
            n_taken += sum(arms)
            if not all(arms):
                missing.append((f"engine/{layer}/{name}:{number}", len(arms) - sum(arms), text))
        if n_layer:
            print(f"{layer:6} {n_taken} of {n_layer} branches, {100 * n_taken / n_layer:.1f} %")
        total += n_layer
        taken += n_taken
    if total:
        print(f"all    {taken} of {total} branches, {100 * taken / total:.1f} %")
    for place, count, text in missing:
        print(f"{place}: {count} never taken: {text}")


if __name__ == "__main__":
    main()
