# SPDX-License-Identifier: MIT
"""What the hygiene checks share: reading C well enough, and testing each check by violations.

A check is a function of (root, build) that returns its problems as "file:line: what" strings. Run
with --self-test it must instead reject each violation planted in a temporary copy of the tree: a
check that has never failed has not been shown to work.
"""
import argparse
import pathlib
import re
import shutil
import sys
import tempfile

SKIP = 77  # what ctest calls skipped
NOT_SOURCE = ("build", ".git", "__pycache__")


class Skip(Exception):
    """The check cannot be made here; the text says why."""


class Plant:
    """One violation: what it is, how to plant it in a copy of the tree, what the check says."""

    def __init__(self, what, plant, expected):
        self.what, self.plant, self.expected = what, plant, expected


def new_file(path, text):
    def plant(root, _build):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return plant


def append(path, text):
    def plant(root, _build):
        (root / path).write_text((root / path).read_text() + text)
    return plant


def files(root, folders, suffixes):
    """The files below these folders, in order; a folder that is not there yet has none."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path


def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def without_comments(text):
    """Comments become spaces, so that lines and columns stay where they are."""
    pattern = r'("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')|/\*.*?\*/|//[^\n]*'
    return re.sub(pattern, lambda m: m[1] or blank(m), text, flags=re.S)


def code_only(text):
    """Comments, the insides of strings and preprocessor lines become spaces."""
    text = without_comments(text)
    text = re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text)
    return re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", blank, text, flags=re.M)


def functions(text):
    """Yield (name, first line, last line) of each function defined in a C text."""
    text = re.sub(r'(extern\s+)   (\s*)\{', r"\1   \2 ", code_only(text))  # extern "C" {
    depth, start, opened = 0, 0, None
    for match in re.finditer(r"[{};]", text):
        if match[0] == "{":
            depth += 1
            head = text[start:match.start()]
            if depth == 1 and re.search(r"\)[\s\w]*$", head) and "=" not in head:
                opened = (name_in(head), line_at(text, start + len(head) - len(head.lstrip())))
        elif match[0] == "}":
            depth = max(depth - 1, 0)
            if depth == 0 and opened:
                yield (*opened, line_at(text, match.start()))
                opened = None
        if depth == 0:
            start = match.end()


def name_in(head):
    """The declared name: what stands before the first parenthesis that is not a macro's."""
    for match in re.finditer(r"(\w+)\s*\(", head):
        if match[1] not in ("__attribute__", "__declspec") and not match[1].isupper():
            return match[1]
    match = re.search(r"(\w+)\s*\(", head)
    return match[1] if match else "?"


def line_at(text, offset):
    return text.count("\n", 0, offset) + 1


def api_declarations(root):
    """Yield (path, text, offset, declaration, name, is_function) of each RONDO_API."""
    for path in files(root, ["include"], [".h"]):
        text = path.read_text()
        code = code_only(text)
        for mark in re.finditer(r"\bRONDO_API\b", code):
            # What stands before the mark in its declaration, such as `extern`, follows the last
            # blank line: comments are blank here, and part it from a macro without semicolon.
            before = code[max(map(code.rfind, ";{}", [0] * 3, [mark.start()] * 3)) + 1:mark.start()]
            offset = mark.start() - len(re.split(r"\n[ \t]*(?=\n)", before)[-1].lstrip())
            end = re.compile("[;{]").search(code, mark.end())
            if not end:
                continue
            declaration = " ".join(code[offset:end.end()].split())
            function = re.search(r"\b(rondo_\w+)\s*\(", declaration)
            name = function or re.search(r"(\w+)\s*(?:\[[^]]*\]\s*)*[;{]$", declaration)
            yield path, text, offset, declaration, name[1] if name else "?", bool(function)


def copy_of(root, target):
    ignore = shutil.ignore_patterns(*NOT_SOURCE)
    shutil.copytree(root, target, ignore=ignore, symlinks=True)


def problems_with(check, plant, root, build):
    """What does the check object to, once the violation is planted?"""
    with tempfile.TemporaryDirectory(prefix="rondo-hygiene-") as folder:
        copy, copy_build = pathlib.Path(folder, "tree"), pathlib.Path(folder, "build")
        copy_of(root, copy)
        copy_build.mkdir()
        for library in ("librondo.a", "librondo.so", "librondo_tls.a", "librondo_tls.so"):
            if build and (build / library).exists():
                shutil.copy(build / library, copy_build / library)
        plant.plant(copy, copy_build)
        return check(copy, copy_build)


def self_test(check, plants, root, build):
    """Each violation must be rejected, and only because it was planted."""
    before, missed = check(root, build), []
    for plant in plants:
        found = problems_with(check, plant, root, build)
        caught = any(plant.expected in problem for problem in found)
        unplanted = any(plant.expected in problem for problem in before)
        print(f"{'rejected' if caught and not unplanted else 'MISSED'}: {plant.what}")
        if unplanted or not caught:
            missed.append(plant.what)
    return missed


def main(check, plants):
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    root = options.root.resolve()
    build = options.build and options.build.resolve()
    try:
        if options.self_test:
            problems = self_test(check, plants, root, build)
        else:
            problems = check(root, build)
            print(*problems, sep="\n")
    except Skip as reason:
        print(reason)
        sys.exit(SKIP)
    sys.exit(bool(problems))
