#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fail if a public declaration is not documented the one way all are.

Directly above each RONDO_API declaration stands a comment. Its first sentence is capitalised and
starts with a verb (checked as: not with an article or a pronoun). A function's comment has the
labels `Owns: Awaits: Cancel: Returns: Kernel:` in this order, each at most once: Awaits always,
Returns unless it returns void. A label begins a line, or follows two spaces. A variant whose name
continues that of the declaration on the line above (rondo_x, rondo_x_r) shares its comment.
"""
import re

import hygiene

LABELS = ["Owns", "Awaits", "Cancel", "Returns", "Kernel"]
LABEL = re.compile(r"(?:^|  )(" + "|".join(LABELS) + r"):", re.M)
NO_VERBS = {"A", "An", "The", "This", "That", "It", "These", "Whether", "Like", "As", "Same"}


def comment_above(text, offset, name):
    """The text of the comment that ends on the line above, or None."""
    above = text[:offset].rstrip(" \t")
    start = above.rfind("\nRONDO_API") + 1
    base = re.fullmatch(r"RONDO_API[^;{}(]*?\b(rondo_\w+)\s*\([^;{}]*;\n", above[start:])
    if base and name.startswith(base[1]):
        above = above[:start]
    if not above.endswith("*/\n"):
        return None
    start = above.rindex("/*")
    lines = above[start + 2:-3].splitlines()
    return "\n".join(re.sub(r"^\s*\*? ?", "", line, count=1) for line in lines).strip()


def is_void(declaration, name):
    return re.search(r"\bvoid\s+" + name + r"\s*\(", declaration) is not None


def label_problems(comment, void):
    labels = LABEL.findall(comment)
    if labels != sorted(set(labels), key=LABELS.index):
        yield f"labels are {' '.join(labels)}; the order is {' '.join(LABELS)}, each once"
    if "Awaits" not in labels:
        yield "no `Awaits:`"
    if not void and "Returns" not in labels:
        yield "no `Returns:`"


def problems_of(text, offset, declaration, name, is_function):
    comment = comment_above(text, offset, name)
    if comment is None:
        yield "no comment directly above"
        return
    first = comment.split(maxsplit=1)[0] if comment else ""
    if not re.match(r"[A-Z][a-z]", first) or first in NO_VERBS:
        yield f"starts with `{first}`, not with a capitalised verb"
    if is_function:
        yield from label_problems(comment, is_void(declaration, name))


def check(root, _build):
    problems, n_functions = [], 0
    for path, text, offset, declaration, name, is_function in hygiene.api_declarations(root):
        n_functions += is_function
        where = f"{path.relative_to(root)}:{hygiene.line_at(text, offset)}: {name}"
        problems += [f"{where}: {p}"
                     for p in problems_of(text, offset, declaration, name, is_function)]
    if not n_functions:
        problems.append("include: no public header declares a function")
    return problems


def planted(what, comment, expected, declaration="RONDO_API int rondo_planted(void);"):
    return hygiene.Plant(what,
                         hygiene.new_file("include/rondo/planted.h", f"{comment}{declaration}\n"),
                         expected)


GOOD = "/* Plant it.\n *\n * Awaits:  no.\n * Returns: 0. */\n"

if __name__ == "__main__":
    hygiene.main(check, [
        planted("no comment", "", "rondo_planted: no comment directly above"),
        planted("a comment not directly above", GOOD + "\n", "rondo_planted: no comment directly"),
        planted("no Awaits", "/* Plant it.\n * Returns: 0. */\n", "rondo_planted: no `Awaits:`"),
        planted("no Returns", "/* Plant it.\n * Awaits: no. */\n", "rondo_planted: no `Returns:`"),
        planted("labels in another order", "/* Plant it.\n * Returns: 0.\n * Awaits: no. */\n",
                "rondo_planted: labels are Returns Awaits"),
        planted("no verb", GOOD.replace("Plant", "The plant of"),
                "rondo_planted: starts with `The`"),
        planted("a neighbour that is no variant", GOOD + "RONDO_API int rondo_good(void);\n",
                "rondo_planted: no comment directly above"),
        planted("a variant that returns what the comment does not say",
                GOOD.replace(" * Returns: 0. */", " */") + "RONDO_API void rondo_plant(void);\n",
                "rondo_planted: no `Returns:`"),
        planted("an undocumented object", "", "rondo_planted_object: no comment",
                "extern RONDO_API const int rondo_planted_object[4];"),
        hygiene.Plant("an undocumented pointer function over two lines",
                      hygiene.new_file("include/rondo/planted.h", GOOD +
                                       "RONDO_API int rondo_good(void);\n\nRONDO_API "
                                       "RONDO_MUST_CHECK const char *\nrondo_planted(int a);\n"),
                      "rondo_planted: no comment directly above"),
    ])
