#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fail if tests/parity.md leaves out a row of asyncio's behaviour, or names a test that is not run.

Each row stands there exactly once, with a test or with `out:` and the reason. Rows that every user
needs, or that a complete port has (A and B), may not be `open`. Each deviation that asyncio's half
of tests/differential declares is in the table of them.
"""
import re

import hygiene

PAGE = "tests/parity.md"
SIDES = ["tests/differential/asyncio_side.py", "tests/differential/virtual.py"]


def numbers(text):
    """The ids of "T1-10 12": T1 to T10, and T12."""
    letter, rest = re.match(r"([A-Za-z]+)(.*)", text).groups()
    for part in rest.split():
        first, _, last = part.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield f"{letter}{number:0{len(first)}}"


def ids(*texts):
    return [row for text in texts for row in numbers(text)]


# Rows A, then B, then the rest; and the probes of the ordering oracle.
NEEDED = ids("R1 3 6 7", "T1-10 12 13 16 17 19", "W1-3 6 7 10-12", "G1-7 9", "S1 2 5", "Q1-5",
             "L2 3 5", "X1-6 9 10 13", "V1-3 6 7", "U2 4 5", "B1-5", "N1", "A1", "E1", "I1 2",
             "M7") + ["random A"]
NEEDED += ids("R2 4 8 10", "T11 14 15 18 20 23", "W5 9 13", "G10 11", "S3 4 6 9", "Q6 7",
              "L1 4 6 8 9", "X7 8 12 14-16", "V4 5 8-11", "U1 3 6", "H1", "E2-4", "I3-5",
              "A2") + ["random B"]
OTHERS = ids("D1-15", "R5 9", "T21 22 24 25", "W4 8 14 15", "G8", "S7 8", "L7", "X11", "H2",
             "B6 7", "I6", "M1-6 8 9") + ["random C"]
PROBES = ids("p01-51", "q01-18", "probe3")
ROW = re.compile(r"^\| ((?:random )?[A-Za-z]+\d*) \|(.*)\|$")


def rows(text):
    """Yield (line, id, tests, remark) of each row; of probes, too."""
    for number, line in enumerate(text.splitlines(), 1):
        match = ROW.match(line)
        if match and match[1] in NEEDED + OTHERS + PROBES:
            cells = [cell.strip() for cell in match[2].split("|")]
            if len(cells) >= 2:
                yield number, match[1], [t for t in cells[-2].split("<br>") if t], cells[-1]


def oracle_and_rows(text):
    """The page up to its table of deviations, whose first column are rows again."""
    return text.partition("## Where generated scenarios")[0]


def test_problem(root, test):
    path, _, name = test.partition(": ")
    file = root / "tests" / path
    if not re.fullmatch(r"[\w/]+\.\w+", path) or not file.is_file():
        return f"there is no tests/{path}"
    runs = rf"cmocka_unit_test\(\s*{re.escape(name)}\)"
    if path.endswith(".c") and not re.search(runs, file.read_text()):
        return f"{path} does not run {name or 'what is not named'}"
    return None


def row_problems(root, row, tests, remark):
    if tests == ["open"]:
        if row in NEEDED:
            yield "is open"
        return
    if not tests and not re.match(r"out: .{10}", remark):
        yield "has neither a test nor `out:` with a reason"
    for test in tests:
        problem = test_problem(root, test)
        if problem:
            yield problem


def deviation_problems(root, text):
    table = text.partition("## Where generated scenarios")[2]
    known = set(re.findall(r"\w+", " ".join(re.findall(r"^\| ([^|]*)\|", table, re.M))))
    for side in SIDES:
        for name in sorted(set(re.findall(r'"([A-Z]\d+)"', (root / side).read_text()))):
            if name not in known:
                yield f"{side}: declares {name}, which {PAGE} does not have in its last table"


def check(root, _build):
    text = (root / PAGE).read_text()
    problems, seen = [], set()
    for line, row, tests, remark in rows(oracle_and_rows(text)):
        where = f"{PAGE}:{line}: {row}"
        if row in seen:
            problems.append(f"{where} is there twice")
        seen.add(row)
        problems += [f"{where} {p}" for p in row_problems(root, row, tests, remark)]
    problems += [f"{PAGE}: {row} is missing" for row in NEEDED + OTHERS + PROBES if row not in seen]
    return problems + list(deviation_problems(root, text))


def replace(path, pattern, replacement):
    def plant(root, _build):
        text, n = re.subn(pattern, replacement, (root / path).read_text(), count=1, flags=re.M)
        assert n, pattern
        (root / path).write_text(text)
    return plant


if __name__ == "__main__":
    hygiene.main(check, [
        hygiene.Plant("a row left out", replace(PAGE, r"^\| T10 \|.*\n", ""), "T10 is missing"),
        hygiene.Plant("a probe left out", replace(PAGE, r"^\| p33 \|.*\n", ""), "p33 is missing"),
        hygiene.Plant("a row twice", replace(PAGE, r"^(\| S1 \|.*\n)", r"\1\1"),
                      "S1 is there twice"),
        hygiene.Plant("a row without test or reason",
                      replace(PAGE, r"^\| Q3 \|.*$", "| Q3 | cancelled getter |  | differs |"),
                      "Q3 has neither"),
        hygiene.Plant("a needed row that is open",
                      replace(PAGE, r"^\| W6 \|.*$", "| W6 | wait | open | |"), "W6 is open"),
        hygiene.Plant("a test that is not there",
                      replace("tests/task/test_cancel.c",
                              r"cmocka_unit_test\(test_cancels_in_two_turns_",
                              "cmocka_unit_test(test_renamed_"),
                      "task/test_cancel.c does not run test_cancels_in_two_turns_are_delivered"),
        hygiene.Plant("a file that is not there",
                      replace(PAGE, r"task/test_wait\.c", "task/test_weight.c"),
                      "there is no tests/task/test_weight.c"),
        hygiene.Plant("a deviation nobody declared",
                      replace(SIDES[1], r'declare\("Q2"\)', 'declare("Q9")'), "declares Q9"),
    ])
