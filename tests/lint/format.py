#!/usr/bin/python3
"""Format: every C file is as clang-format writes it with the tree's .clang-format."""

import re
import subprocess

import lint

PLACE = re.compile(r"^(.*?):(\d+):\d+: error: ")


def check(tree):
    names = tree.having(".c", ".h")
    if not names:
        return
    run = subprocess.run(["clang-format", "--dry-run", "-Werror", *names], cwd=tree.root, capture_output=True, text=True)
    places = [match.groups() for match in map(PLACE.match, run.stderr.splitlines()) if match]
    for name, line in places:
        yield lint.Finding(name, int(line), "clang-format -i would change this line")
    if run.returncode and not places:
        yield lint.Finding(".clang-format", 1, run.stderr.strip()[:200])


if __name__ == "__main__":
    lint.main(check)
