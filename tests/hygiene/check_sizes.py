#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fail if code outgrows what a reader can hold: functions of 60 lines, files of 600, examples of
60. A file of code has its licence in its first or second line. Test files may still have 800 lines
and lines may still exceed 100 columns (tabs are 8): both are told, as warnings, until they are
mended; then the limits come down."""
import sys

import hygiene

FUNCTION_LINES = 60
FILE_LINES = 600
EXAMPLE_LINES = 60
TEST_LINES = 800
COLUMNS = 100
FOLDERS = ["include", "engine", "tools", "tests"]


def file_problems(path, text, is_example, is_test=False):
    lines = text.splitlines()
    limit = EXAMPLE_LINES if is_example else TEST_LINES if is_test else FILE_LINES
    if len(lines) > limit:
        yield 1, f"{len(lines)} lines; {'an example' if is_example else 'a file'} has {limit}"
    if not any("SPDX-License-Identifier: MIT" in line for line in lines[:2]):
        yield 1, "no SPDX line at the top"
    if path.suffix in (".c", ".h"):
        for name, first, last in hygiene.functions(text):
            if last - first + 1 > FUNCTION_LINES:
                yield first, f"{name}: {last - first + 1} lines; a function has {FUNCTION_LINES}"


def sources(root):
    yield root / "CMakeLists.txt"
    yield from hygiene.files(root, FOLDERS, [".c", ".h", ".S", ".py", ".sh"])


def warn(root):
    for path in sources(root):
        widths = [len(line.expandtabs(8)) for line in path.read_text().splitlines()]
        long = [str(number) for number, width in enumerate(widths, 1) if width > COLUMNS]
        if long:
            print(f"{path.relative_to(root)}: warning: above {COLUMNS} columns: {' '.join(long)}")
        if len(widths) > FILE_LINES:
            print(f"{path.relative_to(root)}: warning: {len(widths)} lines, above {FILE_LINES}")


def check(root, _build):
    problems = []
    for path in sources(root):
        name = path.relative_to(root)
        is_example = name.match("tools/examples/*.c")
        is_test = name.parts[0] == "tests"
        for line, problem in file_problems(path, path.read_text(), is_example, is_test):
            problems.append(f"{name}:{line}: {problem}")
    if "--self-test" not in sys.argv:
        warn(root)
    return problems


def function_of(n_lines):
    """With all that could mislead a counter of braces."""
    body = ['\tif (x == \'{\' || "}") /* } */'] + ["\t\tx++;"] * (n_lines - 4)
    return "\n".join(["__attribute__((cold)) int planted(int x)", "{", *body, "}"]) + "\n"


SPDX = "/* SPDX-License-Identifier: MIT */\n"

if __name__ == "__main__":
    hygiene.main(check, [
        hygiene.Plant("a function of 61 lines",
                      hygiene.new_file("engine/base/planted.c", SPDX + function_of(61)),
                      "engine/base/planted.c:2: planted: 61 lines"),
        hygiene.Plant("a long function after one that is not",
                      hygiene.new_file("tests/base/planted.c",
                                       SPDX + function_of(60) + "#define BRACE {\n"
                                       + function_of(90).replace("planted", "second")),
                      "tests/base/planted.c:63: second: 90 lines"),
        hygiene.Plant("a file of 601 lines",
                      hygiene.new_file("include/rondo/planted.h", SPDX + "\n" * 600),
                      "include/rondo/planted.h:1: 601 lines"),
        hygiene.Plant("an example of 61 lines",
                      hygiene.new_file("tools/examples/planted.c", SPDX + "\n" * 60),
                      "tools/examples/planted.c:1: 61 lines; an example"),
        hygiene.Plant("a file without a licence",
                      hygiene.new_file("engine/base/planted.h", "\n"),
                      "engine/base/planted.h:1: no SPDX line"),
    ])
