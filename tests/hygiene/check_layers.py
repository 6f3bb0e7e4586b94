#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fail if a file includes what its place in the tree may not see.

* engine/<layer>/ includes its own layer, lower ones and public headers. `random` stands beside the
  others, on base alone; `sim` stands behind ring's seam and runs loops: it sees task and below.
  `tls` is a library of its own: of rondo it sees public headers only, and it alone sees OpenSSL.
* A public header includes public headers (rondo_tls.h is for programs alone) and libc; tools and tests/api, public headers, liburing,
  libc and files of their own.
* The engine has no conditionals but include guards, outside switch/: sanitizer.h knows the
  checkers, and switch_arch.h picks the machine's inline switch.
"""
import re

import hygiene

STACK = ["base", "switch", "ring", "loop", "io", "task", "sync", "stream"]
MAY_SEE = {layer: set(STACK[:i + 1]) for i, layer in enumerate(STACK)}
MAY_SEE["random"] = {"base", "random"}
MAY_SEE["sim"] = {"base", "switch", "ring", "loop", "task", "random", "sim"}
MAY_SEE["tls"] = {"tls"}

CONDITIONAL_FILES = ("switch/sanitizer.h", "switch/switch_arch.h")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
CONDITIONAL = re.compile(r"^[ \t]*#[ \t]*(if|ifdef|ifndef|elif|else)\b[ \t]*(\w*)", re.M)


def includes(path):
    text = hygiene.without_comments(path.read_text())
    for match in INCLUDE.finditer(text):
        yield hygiene.line_at(text, match.start()), match[1], match[2]


def is_public(name):
    return name in ("rondo.h", "rondo_sim.h", "rondo_tls.h") or name.startswith("rondo/")


def engine_problem(layer, path, root, name):
    if is_public(name):
        return None
    if "/" not in name:
        return None if (path.parent / name).exists() else "no such file beside this one"
    target = name.split("/")[0]
    if target not in MAY_SEE:
        return "not a layer of the engine" if not (root / "engine" / name).exists() else None
    return None if target in MAY_SEE[layer] else f"{layer}/ may not include {target}/"


def engine(root):
    for path in hygiene.files(root, ["engine"], [".c", ".h", ".S"]):
        parts = path.relative_to(root / "engine").parts
        if len(parts) != 2 or parts[0] not in MAY_SEE:
            yield f"{path.relative_to(root)}:1: not in a layer's folder"
            continue
        for line, quote, name in includes(path):
            inside = quote == '"' or name.split("/")[0] in MAY_SEE
            problem = inside and engine_problem(parts[0], path, root, name)
            if parts[0] != "tls" and (name.startswith("openssl/") or name == "rondo_tls.h"):
                problem = "only tls/ knows of OpenSSL"
            if ".." in name:
                problem = "includes name their layer, never `..`"
            if problem:
                yield f"{path.relative_to(root)}:{line}: {name}: {problem}"


def public_headers(root):
    for path in hygiene.files(root, ["include"], [".h"]):
        for line, quote, name in includes(path):
            ours = is_public(name) and (root / "include" / name).exists()
            foreign = name.startswith(("liburing", "openssl/")) or name == "rondo_tls.h"
            if (quote == '"' and not ours) or foreign or ".." in name:
                yield (f"{path.relative_to(root)}:{line}: {name}: "
                       "public headers include only public headers and libc")


def outsiders(root):
    """Tools and tests/api: what they include in quotes must lie beside them or in their folder."""
    for folder, own in (("tools", "tools"), ("tests/api", "tests")):
        for path in hygiene.files(root, [folder], [".c", ".h"]):
            for line, quote, name in includes(path):
                if is_public(name):
                    allowed = (root / "include" / name).exists()
                elif quote == '"':
                    near = [(place / name).resolve() for place in (path.parent, root / own)]
                    allowed = any(f.exists() and root / own in f.parents for f in near)
                else:
                    allowed = not (root / "engine" / name).exists()
                if not allowed:
                    yield (f"{path.relative_to(root)}:{line}: {name}: {folder} sees public "
                           "headers, liburing and libc")


def conditionals(root):
    for path in hygiene.files(root, ["engine"], [".c", ".h"]):
        if any(path.match(file) for file in CONDITIONAL_FILES):
            continue
        text = hygiene.without_comments(path.read_text())
        for match in CONDITIONAL.finditer(text):
            guard = match[1] == "ifndef" and match[2].endswith("_H") and path.suffix == ".h"
            if not guard:
                line = hygiene.line_at(text, match.start())
                yield (f"{path.relative_to(root)}:{line}: #{match[1]}: the engine has no "
                       f"conditionals outside {' and '.join(CONDITIONAL_FILES)}")


def check(root, _build):
    return [*engine(root), *public_headers(root), *outsiders(root), *conditionals(root)]


def planted(path, line):
    where = f"{path}:2: "
    return hygiene.Plant(f"{path} with {line}", hygiene.new_file(path, f"/* planted */\n{line}\n"),
                         where)


if __name__ == "__main__":
    hygiene.main(check, [
        planted("engine/base/planted.h", '#include "loop/loop.h"'),
        planted("engine/ring/planted.c", '#include "task/task.h"'),
        planted("engine/io/planted.c", "#include <stream/reader.h>"),
        planted("engine/random/planted.c", '#include "ring/ring.h"'),
        planted("engine/sim/planted.c", '#include "io/io.h"'),
        planted("engine/task/planted.c", '#include "random/twister.h"'),
        planted("engine/task/planted.h", '#include "../loop/loop.h"'),
        planted("engine/tls/planted.c", '#include "stream/stream.h"'),
        planted("engine/stream/planted.c", "#include <openssl/ssl.h>"),
        planted("engine/stream/planted.c", '#include "rondo_tls.h"'),
        planted("include/rondo/planted.h", '#include "rondo_tls.h"'),
        planted("include/rondo/planted.h", '#include "loop/loop.h"'),
        planted("include/rondo/planted.h", "#include <liburing.h>"),
        planted("tools/planted.c", '#include "../engine/loop/loop.h"'),
        planted("tools/planted.c", '#include "base/list.h"'),
        planted("tests/api/planted.c", "#include <base/list.h>"),
        planted("engine/loop/planted.c", "#if defined(__x86_64__)"),
        hygiene.Plant("a folder that is no layer",
                      hygiene.new_file("engine/planted/planted.c", "\n"),
                      "engine/planted/planted.c:1: "),
    ])
