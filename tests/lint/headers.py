#!/usr/bin/python3
"""Headers: each compiles alone with the flags of its folder, says #pragma once once, and opens with a comment."""

import concurrent.futures
import os
import pathlib
import re
import shlex
import subprocess

import lint


def flags_of(entry):
    """Include folders, definitions and language of one compile command."""
    words = entry.get("arguments") or shlex.split(entry["command"])
    # -isystem stands apart from its folder; for this check it is as good as -I.
    return [f"-I{word}" if words[i - 1] == "-isystem" else word for i, word in enumerate(words[1:], 1)
            if word.startswith(("-I", "-D", "-std=")) or words[i - 1] == "-isystem"]


def nearest_flags(tree, name):
    """The flags of the sources in the header's folder, else of those in the folder above it, and so on."""
    folder = (tree.root / name).parent.resolve()
    while True:
        found = dict.fromkeys(tuple(flags_of(entry)) for source, entry in tree.commands.items()
                              if pathlib.PurePath(source).is_relative_to(folder))
        if found:
            return list(dict.fromkeys(flag for flags in found for flag in flags))
        if folder == tree.root.resolve() or folder.parent == folder:
            # A folder that nothing compiles yet.
            return ["-std=gnu17", "-D_GNU_SOURCE", f"-I{tree.root}/services"]
        folder = folder.parent


def proven_by_build(tree, name):
    """Its own .c is compiled and includes it first: then it compiles alone already."""
    source = tree.root / (name.removesuffix(".h") + ".c")
    if os.path.realpath(source) not in tree.commands:
        return False
    first = re.search(r'^#include ([<"][^>"]+[>"])', source.read_text(), re.MULTILINE)
    return first is not None and name.endswith(first.group(1).strip('"'))


def compile_alone(tree, name):
    # Through an including file: a header as the main file may not say #pragma once.
    run = subprocess.run(["gcc", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function",
                          *nearest_flags(tree, name), f"-I{tree.root}", f"-I{tree.root}/tests", "-x", "c", "-"],
                         input=f'#include "{(tree.root / name).resolve()}"\n', capture_output=True, text=True,
                         env=os.environ | {"LC_ALL": "C"})
    if run.returncode == 0:
        return None
    first = next((line for line in run.stderr.splitlines() if "error:" in line), run.stderr.strip()[:200])
    place = re.match(r".*?:(\d+):\d+: (?:fatal )?error: (.*)", first)
    return lint.Finding(name, int(place.group(1)) if place else 1,
                        "does not compile alone: " + (place.group(2) if place else first))


def check(tree):
    names = tree.having(".h")
    for name in names:
        text = tree.text(name)
        if not text.startswith("/*"):
            yield lint.Finding(name, 1, "opens with what the module is for")
        if len(re.findall(r"^#pragma once$", text, re.MULTILINE)) != 1:
            yield lint.Finding(name, 1, "#pragma once, once")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from filter(None, pool.map(lambda name: compile_alone(tree, name),
                                         [name for name in names if not proven_by_build(tree, name)]))


if __name__ == "__main__":
    lint.main(check)
