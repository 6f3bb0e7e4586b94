#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run every command that a document shows, in a copy of the tree, and compare what it prints.

In the *.md files, a block fenced as ```console is a session: lines that start with `$ ` are
commands (a trailing backslash continues them), the lines after one are what it prints. The commands
of a block share one shell, started at the root, so that `cd` and `&` mean what they say; each must
succeed. A command with lines below it must print these and no others; a line `...` stands for any
lines, and `...` inside a line for any text. Blocks fenced otherwise (```sh, ```c) are not run.

The built programs are on the PATH. `sh tests/run.sh` is left out: this is a part of it.
"""
import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import hygiene

TIMEOUT_S = 900
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
THIS_RUN = re.compile(r"sh tests/run\.sh\b")
MARK = "@@rondo-command-ended@@"


class Command:
    def __init__(self, where, text):
        self.where, self.text, self.expected = where, text, []


def sessions(root):
    """Yield the commands of each console block of each document."""
    for path in [*sorted(root.glob("*.md")), *hygiene.files(root, ["engine", "docs"], [".md"])]:
        text = path.read_text()
        for block in BLOCK.finditer(text):
            first = hygiene.line_at(text, block.start(1))
            commands = list(commands_of(block[1], path.relative_to(root), first))
            yield [c for c in commands if not THIS_RUN.match(c.text)]


def commands_of(block, name, first_line):
    command = None
    for number, line in enumerate(block.splitlines(), first_line):
        if line.startswith("$ "):
            if command:
                yield command
            command = Command(f"{name}:{number}", line[2:])
        elif command and command.text.endswith("\\") and not command.expected:
            command.text += "\n" + line
        elif command:
            command.expected.append(line)
    if command:
        yield command


def pattern_of(expected):
    parts = []
    for line in expected:
        if line.strip() == "...":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            pieces = [re.escape(piece) for piece in line.rstrip().split("...")]
            parts.append(r"[^\n]*?".join(pieces) + r"[ \t]*\n")
    return re.compile("".join(parts))


def run_session(commands, cwd, environment, folder):
    """Return (status, output) of each command that ended. What they left running is ended too."""
    script, log = folder / "session.sh", folder / "session.log"
    script.write_text("".join(f"{c.text}\nprintf '\\n{MARK}%s\\n' $?\n" for c in commands))
    # Into a file, not a pipe: a server left in the background would keep a pipe open.
    with log.open("w") as output, subprocess.Popen(
            ["sh", str(script)], cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True) as shell:
        try:
            shell.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass  # the command that did not end has no mark
        try:
            os.killpg(shell.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # nothing was left
    pieces = re.split(rf"\n{MARK}(\d+)\n", log.read_text(errors="replace"))
    ended = [(int(pieces[i + 1]), pieces[i]) for i in range(0, len(pieces) - 1, 2)]
    return ended + [(None, pieces[-1])] * (len(commands) - len(ended))


def problem_with(command, status, output):
    if output and not output.endswith("\n"):
        output += "\n"
    if status is None:
        return f"did not end, in {TIMEOUT_S} s or because its shell did; it printed:\n{output}"
    if status:
        return f"exit {status}; it printed:\n{output}"
    if command.expected and not pattern_of(command.expected).fullmatch(output):
        return f"printed something else than the document says:\n{output}"
    return None


def results(root, build):
    """Yield (command, its problem or None)."""
    with tempfile.TemporaryDirectory(prefix="rondo-readme-") as temporary:
        folder = pathlib.Path(temporary)
        home, copy = folder / "home", folder / "rondo"
        home.mkdir()
        hygiene.copy_of(root, copy)
        path = os.pathsep.join(filter(None, [build and str(build), os.environ["PATH"]]))
        environment = {**os.environ, "PATH": path, "HOME": str(home)}
        for commands in sessions(root):
            ended = run_session(commands, copy, environment, folder)
            for command, (status, output) in zip(commands, ended):
                yield command, problem_with(command, status, output)


def check(root, build):
    """One line a command, as ctest would print it, so that tests/run.sh counts them."""
    n_commands = sum(len(commands) for commands in sessions(root))
    if not n_commands:
        print("README.md shows no command in a ```console block")
    bad = not n_commands
    for number, (command, problem) in enumerate(results(root, build), 1):
        outcome = "***Failed" if problem else " Passed "
        first_line = command.text.splitlines()[0]
        print(f"{number:3}/{n_commands} Test #{number}: {command.where}: {first_line} {outcome}")
        if problem:
            print(problem)
        sys.stdout.flush()
        bad |= problem is not None
    return bad


GOOD = "$ echo one; echo two 2\n...\ntwo ...\n$ cd engine && ls \\\n  ..\n$ sleep 99 &\n"

SELF_TEST = [
    ("commands that do what the document says", GOOD, None),
    ("a command that fails", GOOD + "$ false\n", "exit 1"),
    ("another output", GOOD + "$ echo three\nfour\n", "something else"),
    ("output the document does not show", GOOD + "$ echo three; echo four\nthree\n",
     "something else"),
    ("a command that ends its shell", GOOD + "$ exit 3\n$ echo unreachable\n", "did not end"),
]


def self_test():
    bad = False
    for what, session, expected in SELF_TEST:
        with tempfile.TemporaryDirectory(prefix="rondo-readme-") as folder:
            root = pathlib.Path(folder)
            (root / "engine").mkdir()
            (root / "README.md").write_text(f"# planted\n\n```console\n{session}```\n")
            problems = [problem for _, problem in results(root, None) if problem]
        right = any(expected in p for p in problems) if expected else not problems
        print(f"{'as it should be' if right else 'WRONG'}: {what}: {problems or 'accepted'}")
        bad |= not right
    return bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    return check(options.root.resolve(), options.build and options.build.resolve())


if __name__ == "__main__":
    sys.exit(main())
