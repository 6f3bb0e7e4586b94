#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fail if an invariant's number is not one and only one invariant's.

` * L1  Control moves...` in a comment of engine/ or include/ defines L1. Each is defined once, and
is in one row of engine/README.md's tables, `| L1 | what | owner |`, or `| X1-X5 |`, `| J1, J2 |`;
the owner named there has the number in it. P1... are the simulator's, and stand in that page alone.
"""
import re

import hygiene

PAGE = "engine/README.md"
DEFINITION = re.compile(r"^ \* ([A-Z]\d+)  (?=\S)", re.M)
ROW = re.compile(r"^\| ([A-Z]\d[-, A-Z\d]*) \|.*\| ([\w/.]+) \|$", re.M)


def definitions(root):
    """Yield (number, place)."""
    for path in hygiene.files(root, ["engine", "include"], [".c", ".h"]):
        text = path.read_text()
        for match in DEFINITION.finditer(text):
            line = hygiene.line_at(text, match.start())
            yield match[1], f"{path.relative_to(root)}:{line}"


def numbers(cell):
    for part in cell.split(", "):
        first, _, last = part.partition("-")
        for i in range(int(first[1:]), int((last or first)[1:]) + 1):
            yield f"{first[0]}{i}"


def rows(root):
    """Yield (number, owner, place)."""
    text = (root / PAGE).read_text()
    for match in ROW.finditer(text):
        for number in numbers(match[1]):
            yield number, match[2], f"{PAGE}:{hygiene.line_at(text, match.start())}"


def mentions(root, owner, number):
    path = root / ("include" if owner.startswith("rondo/") else "engine") / owner
    return path.is_file() and re.search(rf"\b{number}\b", path.read_text())


def check(root, _build):
    problems, defined, listed = [], {}, {}
    for number, place in definitions(root):
        if number in defined:
            problems.append(f"{place}: {number} is defined in {defined[number]}, too")
        defined.setdefault(number, place)
    for number, owner, place in rows(root):
        if number in listed:
            problems.append(f"{place}: {number} has two rows")
        elif number not in defined:
            problems.append(f"{place}: {number} is defined nowhere")
        elif not mentions(root, owner, number):
            problems.append(f"{place}: {owner} does not name {number}")
        listed[number] = place
    for number in defined.keys() - listed.keys():
        problems.append(f"{defined[number]}: {number} is not in {PAGE}")
    return sorted(problems) if defined else ["engine: no invariant is defined"]


def planted(what, number, expected):
    return hygiene.Plant(what, hygiene.new_file("engine/base/planted.h",
                                                f"/* Planted.\n *\n * {number}  Always. */\n"),
                         expected)


def another_owner(root, _build):
    text = (root / PAGE).read_text()
    (root / PAGE).write_text(re.sub(r"(?m)^(\| L2 \|.*\| loop/)loop.h", r"\1op.h", text))


if __name__ == "__main__":
    hygiene.main(check, [
        planted("a number that another one has", "L1",
                "L1 is defined in engine/base/planted.h:3, too"),
        planted("a number that is not listed", "L77",
                "engine/base/planted.h:3: L77 is not in engine/README.md"),
        hygiene.Plant("a row for nothing",
                      hygiene.append(PAGE, "| L78 | Never | loop/loop.h |\n"),
                      "L78 is defined nowhere"),
        hygiene.Plant("a second row", hygiene.append(PAGE, "| L1-L2 | Never | loop/loop.h |\n"),
                      "L2 has two rows"),
        hygiene.Plant("an owner that does not know", another_owner, "op.h does not name L2"),
    ])
