#!/usr/bin/python3
"""Names: exported functions begin with sdm_, types with struct sdm_, enum sdm_; no file is called util or helpers."""

import pathlib
import re

import lint

# Programs of one folder export nothing to others: emurackd's library and the guest's programs keep their own prefix.
PREFIXES = {"services/emurack/": ("sdm_", "emu_")}
BAD_FILES = {"util", "utils", "helper", "helpers", "common", "misc", "tools"}
WORDS = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*\Z")


def prefixes(name):
    for folder, allowed in PREFIXES.items():
        if name.startswith(folder):
            return allowed
    return ("sdm_",)


def check(tree):
    for name in tree.having(".c", ".h", ".py"):
        stem = pathlib.PurePath(name).stem
        if stem in BAD_FILES:
            yield lint.Finding(name, 1, "a module is named after what it is for")
    names = tree.having(".c", ".h", under="services/")
    for tag in lint.tags(tree, names, "fv"):
        if tag.is_static or tag.name == "main" or tag.name.startswith("G_DEFINE_") or (
                tag.kind == "variable" and lint.declaration(tree, tag).startswith("static")):
            continue
        if not tag.name.startswith(prefixes(tag.path)):
            yield lint.Finding(tag.path, tag.line, f"{tag.name}: what is exported begins with {' or '.join(prefixes(tag.path))}")
    for tag in lint.tags(tree, tree.having(".h", under="services/"), "sgtp"):
        if tag.name.startswith(("__anon", "G_DEFINE_")):
            continue
        if not tag.name.lower().startswith(prefixes(tag.path)):
            yield lint.Finding(tag.path, tag.line, f"{tag.kind} {tag.name}: want {' or '.join(prefixes(tag.path))}")
        elif not WORDS.match(tag.name):
            yield lint.Finding(tag.path, tag.line, f"{tag.kind} {tag.name}: small letters and underscores")


if __name__ == "__main__":
    lint.main(check)
