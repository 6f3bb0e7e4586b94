#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fail if a `file:function` that a document names is not there.

engine/README.md walks newcomers through sleep and read by naming functions, as
`loop/op.c:rondo__op_await`. Each such name in any document must be defined in that file, which is
looked for below engine/ and below the root; and the two walks must be there, from the public verb
down to the switch.
"""
import re

import hygiene

NAME = re.compile(r"\b((?:[\w.-]+/)+[\w.-]+\.[chS]):([A-Za-z_]\w*)")
WALKS = ["rondo_sleep", "rondo_read", "rondo__switch"]


def defined_in(path):
    text = path.read_text()
    if path.suffix == ".S":
        return set(re.findall(r"^(\w+):", text, re.M))
    code = hygiene.without_comments(text)
    return ({name for name, _, _ in hygiene.functions(text)} |
            set(re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", code, re.M)))


def problem_with(root, file, function):
    path = next((p for p in (root / "engine" / file, root / file) if p.exists()), None)
    if not path:
        return f"{file}: no such file"
    if function not in defined_in(path):
        return f"{file}:{function}: {file} defines no {function}"
    return None


def documents(root):
    for path in [*sorted(root.glob("*.md")), *hygiene.files(root, ["engine", "docs"], [".md"])]:
        yield path.relative_to(root), path.read_text()


def check(root, _build):
    problems, walked = [], set()
    for name, text in documents(root):
        for match in NAME.finditer(text):
            problem = problem_with(root, match[1], match[2])
            if problem:
                problems.append(f"{name}:{hygiene.line_at(text, match.start())}: {problem}")
            elif str(name) == "engine/README.md":
                walked.add(match[2])
    problems += [f"engine/README.md:1: no walk names a file:{w}" for w in WALKS if w not in walked]
    return problems


if __name__ == "__main__":
    hygiene.main(check, [
        hygiene.Plant("a function that its file does not define",
                      hygiene.new_file("planted.md", "\nsee `switch/stack.c:rondo__planted`\n"),
                      "planted.md:2: switch/stack.c:rondo__planted"),
        hygiene.Plant("a name that the file only mentions",
                      hygiene.new_file("planted.md", "\n`base/bug.c:abort`\n"),
                      "planted.md:2: base/bug.c:abort"),
        hygiene.Plant("a file that is not there",
                      hygiene.new_file("planted.md", "`engine/loop/planted.c:main`\n"),
                      "planted.md:1: engine/loop/planted.c: no such file"),
        hygiene.Plant("an engine/README.md that walks nowhere",
                      lambda root, _: (root / "engine/README.md").write_text("# none\n"),
                      "engine/README.md:1: no walk names a file:rondo__switch"),
    ])
