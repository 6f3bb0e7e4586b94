#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fail if the libraries' symbols are not what the public headers say.

* librondo.so exports exactly the functions and objects declared RONDO_API; librondo_tls.so, where it
  was built, exactly those of rondo_tls.h.
* Every global symbol of the archives starts with rondo_, so that it can meet no symbol of a program.
* No shared-stack promise: switching stacks by `ret` is not shadow-stack safe, and an object that
  claims SHSTK would be believed. The compiler adds the claim unasked on some systems
  (-fcf-protection), so the switch layer is also linked that way and its notes are read.
"""
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile

import hygiene


def output(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True,
                          text=True).stdout


def symbols(*nm_arguments):
    """The names nm lists, without a version suffix."""
    rows = (line.split() for line in output("nm", *nm_arguments).splitlines())
    return {row[-1].split("@")[0] for row in rows if len(row) == 3}


def exports(root, library):
    is_tls = library.name == "librondo_tls.so"
    declared = {name: path for path, _, _, _, name, _ in hygiene.api_declarations(root)
                if (path.name == "rondo_tls.h") == is_tls}
    exported = symbols("-D", "--defined-only", library)
    for name in sorted(exported - set(declared)):
        yield f"{library.name}: {name}: exported, but no public header declares it"
    for name in sorted(set(declared) - exported):
        yield f"{declared[name].relative_to(root)}:1: {name}: declared, but not exported"
    if not declared:
        yield "include: no public header declares anything"


def archive(library):
    for name in sorted(symbols("-g", "--defined-only", library)):
        if not name.startswith("rondo_"):
            yield f"{library.name}: {name}: a global symbol that does not start with rondo_"


def shadow_stack(library, how):
    notes = output("readelf", "-nW", library)
    if re.search(r"x86 feature[^\n]*\bSHSTK\b", notes):
        yield f"librondo.so: {how}: its notes claim SHSTK, and switching stacks is not that"


def linked_with_protection(root):
    """The switch layer as a compiler with -fcf-protection=full on by default would build it."""
    if platform.machine() != "x86_64" or not shutil.which("gcc"):
        return
    folder = root / "engine/switch"
    sources = [*sorted(folder.glob("*.c")), folder / "switch_x86_64.S"]
    with tempfile.TemporaryDirectory(prefix="rondo-symbols-") as folder:
        library = pathlib.Path(folder, "switch.so")
        # Without libc's start files: a claim holds only if every object makes it, and they may not.
        output("gcc", "-shared", "-nostdlib", "-fPIC", "-D_GNU_SOURCE", "-fcf-protection=full",
               "-I", root / "engine", "-I", root / "include", *sources, "-o", library)
        yield from shadow_stack(library, "built with -fcf-protection=full")


def check(root, build):
    if not build or not (build / "librondo.so").exists():
        return ["librondo.so: not built"]
    tls = [*exports(root, build / "librondo_tls.so"), *archive(build / "librondo_tls.a")] \
        if (build / "librondo_tls.so").exists() else []
    return [*exports(root, build / "librondo.so"), *archive(build / "librondo.a"), *tls,
            *shadow_stack(build / "librondo.so", "as built"), *linked_with_protection(root)]


def undeclare(root, _build):
    path, text, offset, _, _, _ = next(hygiene.api_declarations(root))
    end = text.index(";", offset) + 1
    path.write_text(text[:offset] + text[end:])


def stray_symbol(_root, build):
    with tempfile.TemporaryDirectory(prefix="rondo-symbols-") as folder:
        source = pathlib.Path(folder, "stray.c")
        source.write_text("int stray_symbol = 1;\n")
        output("cc", "-c", source, "-o", source.with_suffix(".o"))
        output("ar", "r", build / "librondo.a", source.with_suffix(".o"))


def stray_tls(_root, build):
    """A librondo_tls that has one symbol, a foreign one; also where none was built."""
    source = build / "stray.c"
    source.write_text("int stray_symbol = 1;\n")
    output("cc", "-shared", "-fPIC", source, "-o", build / "librondo_tls.so")
    output("cc", "-c", source, "-o", source.with_suffix(".o"))
    output("ar", "r", build / "librondo_tls.a", source.with_suffix(".o"))


def claim_shadow_stack(root, _build):
    path = root / "engine/switch/switch_x86_64.S"
    path.write_text(re.sub(r'\.section\s+\.note\.gnu\.property(?:.|\n)*', "", path.read_text())
                    + '#include <cet.h>\n')


PLANTS = [
    hygiene.Plant("a function declared and never written",
                  hygiene.new_file("include/rondo/planted.h",
                                   "RONDO_API RONDO_MUST_CHECK int\nrondo_planted(void);\n"),
                  "rondo_planted: declared, but not exported"),
    hygiene.Plant("a function exported and not declared", undeclare,
                  "exported, but no public header declares it"),
    hygiene.Plant("a global symbol with a foreign name", stray_symbol, "librondo.a: stray_symbol"),
    hygiene.Plant("a symbol of the TLS library that no header declares", stray_tls,
                  "librondo_tls.so: stray_symbol: exported, but"),
    hygiene.Plant("a foreign name in the TLS library", stray_tls, "librondo_tls.a: stray_symbol"),
]
if platform.machine() == "x86_64":
    PLANTS.append(hygiene.Plant("a shadow-stack claim in the switch", claim_shadow_stack, "SHSTK"))

if __name__ == "__main__":
    hygiene.main(check, PLANTS)
