#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fail if a row of tools/examples/README.md does not compile, or does not work.

Every ```c block there is a file that defines `static int example(void)`; it follows a heading and the
Python it mirrors. All blocks become one program, which runs each example as the first task of a
loop: it must return 0.
"""
import os
import pathlib
import re
import subprocess
import tempfile

import hygiene

PAGE = "tools/examples/README.md"
BLOCK = re.compile(r"^```c\n(.*?)^```$", re.M | re.S)
SECTION = re.compile(r"^### (.*?)$(.*?)(?=^##|\Z)", re.M | re.S)
FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-D_GNU_SOURCE"]
RUNNER = """
#include <rondo.h>
#include <stdio.h>

%s
static const struct { int line; int (*run)(void); } rows[] = {
%s};

static int run(void *row)
{
	return ((int (*)(void))row)();
}

int main(void)
{
	struct rondo_options o = { .on_error = rondo_report_print };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int ret = rondo_run_with(&o, run, (void *)rows[i].run);

		if (ret != 0)
			printf("%%d: returned %%d (%%s)\\n", rows[i].line, ret, rondo_strerror(ret));
	}
	return 0;
}
"""


def blocks(text):
    """The line and the code of each block."""
    for match in BLOCK.finditer(text):
        yield hygiene.line_at(text, match.start(1)), match[1]


def unmirrored(text):
    """Rows need both languages."""
    for match in SECTION.finditer(text):
        for language in ("python", "c"):
            if match[2].count(f"```{language}\n") != 1:
                yield f"{PAGE}:{hygiene.line_at(text, match.start())}: no one block of {language}"


def compile_all(root, folder, rows, cc):
    """Each block on its own, so that one that fails is named; the problems."""
    running = []
    for line, code in rows:
        path = folder / f"row_{line}.c"
        path.write_text(f'#include <rondo.h>\n#line {line} "{PAGE}"\n{code}\n'
                        f"int row_{line}(void);\nint row_{line}(void)\n{{\n\treturn example();\n}}\n")
        command = [cc, *FLAGS, f"-I{root}/include", "-c", str(path), "-o", str(path.with_suffix(".o"))]
        running.append((line, subprocess.Popen(command, stderr=subprocess.PIPE, text=True)))
    for line, process in running:
        _, errors = process.communicate()
        if process.returncode:
            first = next((e for e in errors.splitlines() if "error" in e), "the compiler failed")
            yield f"{PAGE}:{line}: {first}"


def link_and_run(root, build, folder, rows, cc):
    (folder / "main.c").write_text(RUNNER % (
        "".join(f"int row_{line}(void);\n" for line, _ in rows),
        "".join(f"\t{{ {line}, row_{line} }},\n" for line, _ in rows)))
    library = folder / "librondo.so.0"  # as the loader will ask for it
    library.symlink_to(build / "librondo.so")
    command = [cc, "-std=gnu11", "-D_GNU_SOURCE", f"-I{root}/include", "main.c",
               *[f"row_{line}.o" for line, _ in rows], str(library), f"-Wl,-rpath,{folder}",
               "-o", "rows"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        yield f"{PAGE}:1: the rows cannot be linked: {done.stderr.strip()[-200:]}"
        return
    done = subprocess.run(["./rows"], cwd=folder, capture_output=True, text=True, timeout=100,
                          check=False)
    if done.returncode or done.stderr:
        yield f"{PAGE}:1: exit {done.returncode}: {done.stderr.strip()[-200:]}"
    for said in done.stdout.splitlines():
        yield f"{PAGE}:{said}"


def check(root, build):
    if not (build / "librondo.so").exists():
        raise hygiene.Skip("librondo.so is not built")
    cc = os.environ.get("CC", "cc")
    text = (root / PAGE).read_text()
    rows = list(blocks(text))
    problems = list(unmirrored(text))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        failed = list(compile_all(root, folder, rows, cc))
        return problems + (failed or list(link_and_run(root, build, folder, rows, cc)))


def row(code, python="pass"):
    return f"\n### planted\n\n```python\n{python}\n```\n\n```c\n{code}```\n"


if __name__ == "__main__":
    hygiene.main(check, [
        hygiene.Plant("a row that does not compile",
                      hygiene.append(PAGE, row("static int example(void)\n{\n\treturn absent;\n}\n")),
                      "absent"),
        hygiene.Plant("a row that does not work",
                      hygiene.append(PAGE, row("static int example(void)\n{\n\treturn -1;\n}\n")),
                      "returned -1"),
        hygiene.Plant("a row that ignores what awaiting returned",
                      hygiene.append(PAGE, row("static int example(void)\n{\n\trondo_lock_acquire("
                                               "NULL);\n\treturn 0;\n}\n")),
                      "warn_unused_result"),
        hygiene.Plant("a row without its Python",
                      hygiene.append(PAGE, "\n### planted\n\n```c\nstatic int example(void)\n{\n"
                                     "\treturn 0;\n}\n```\n"),
                      "no one block of python"),
    ])
