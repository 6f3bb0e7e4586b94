#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fail if a public header does not compile alone: twice in one file, as C11 and as C++17, by gcc
and clang, without a warning. The strict -std modes are for users who never heard of _GNU_SOURCE."""
import shutil
import subprocess

import hygiene

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wundef", "-Werror"]
# In C++, g++ calls a struct and a function of one name, as stat(2) has them, a shadow.
C_ONLY = ["-Wstrict-prototypes", "-Wmissing-prototypes", "-Wshadow"]
# `, ##__VA_ARGS__` is how RONDO_ASYNC takes no arguments at all; gcc minds only where it is used.
NOT_OF_CLANG = ["-Wno-gnu-zero-variadic-macro-arguments"]
COMPILERS = [
    ("gcc", ["-x", "c", "-std=c11", *C_ONLY]),
    ("g++", ["-x", "c++", "-std=c++17"]),
    ("clang", ["-x", "c", "-std=c11", *C_ONLY, *NOT_OF_CLANG]),
    ("clang++", ["-x", "c++", "-std=c++17", *NOT_OF_CLANG]),
]


def compile_alone(root, compiler, flags, name):
    # From standard input, so that the header is not the main file, where gcc ignores some pragmas.
    source = f"#include <{name}>\n#include <{name}>\nextern int rondo_alone;\n"
    command = [compiler, *flags, *WARNINGS, "-fsyntax-only", "-I", str(root / "include"), "-"]
    result = subprocess.run(command, input=source, capture_output=True, text=True)
    return result.stderr if result.returncode else ""


def check(root, _build):
    problems = []
    include = root / "include"
    headers = [str(path.relative_to(include)) for path in hygiene.files(include, ["."], [".h"])]
    present = [(c, flags) for c, flags in COMPILERS if shutil.which(c)]
    if not headers:
        problems.append("include: there are no public headers")
    for compiler, flags in present:
        for name in headers:
            error = compile_alone(root, compiler, flags, name)
            if error:
                problems.append(f"include/{name}:1: {compiler} {flags[2]}: {error.strip()}")
    for compiler, _ in COMPILERS:
        if not shutil.which(compiler):
            print(f"{compiler} is not installed: the headers were not tried with it")
    if not present:
        raise hygiene.Skip("no C compiler: no header was tried")
    return problems


def planted(what, text):
    return hygiene.Plant(what, hygiene.new_file("include/rondo/planted.h", text),
                         "include/rondo/planted.h:1: ")


def guarded(text):
    return f"#ifndef RONDO_PLANTED_H\n#define RONDO_PLANTED_H\n{text}\n#endif\n"


if __name__ == "__main__":
    hygiene.main(check, [
        planted("a type that no include brought", guarded("int rondo_planted(ssize_t size);")),
        planted("C that is not C++", guarded("int rondo_planted(int class);")),
        planted("a GNU extension",
                guarded("static inline int rondo_planted(void) { return ({ 1; }); }")),
        planted("a header without a guard", "struct rondo_planted { int a; };\n"),
    ])
