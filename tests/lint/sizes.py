#!/usr/bin/python3
"""Sizes: a function past 60 lines or a file past 700 is a sign of a second module.

Static tables count for nothing; a file that is one has its line, with the reason, in EXEMPT."""

import re

import lint

MAX_FUNCTION = 60
MAX_FILE = 700
# File to reason.  One that has become small again fails, too.
EXEMPT = {}

# 'static const struct x rows[] = {', and 'static const struct {...} rows[] = {'.
TABLE = re.compile(r"^[ \t]*static const (?:struct(?: \w+)? \{(?:[^{}]|\{[^{}]*\})*\})?[^;{}()]*=\s*\{", re.MULTILINE)


def table_lines(code):
    """The lines that static tables take up."""
    lines = set()
    for match in TABLE.finditer(code):
        depth, end = 0, match.end() - 1
        while end < len(code):
            depth += {"{": 1, "}": -1}.get(code[end], 0)
            if depth == 0:
                break
            end += 1
        lines.update(range(lint.line_of(code, match.start()), lint.line_of(code, end) + 1))
    return lines


def check(tree):
    names = tree.having(".c", ".h")
    tables = {name: table_lines(tree.code(name)) for name in names}
    for name in names + tree.having(".py"):
        size = tree.text(name).count("\n") - len(tables.get(name, ()))
        if size > MAX_FILE and name not in EXEMPT:
            yield lint.Finding(name, 1, f"{size} lines, at most {MAX_FILE}")
        if size <= MAX_FILE and name in EXEMPT:
            yield lint.Finding(name, 1, f"{size} lines: need not be exempt in tests/lint/sizes.py")
    for tag in lint.tags(tree, names, "f"):
        size = tag.end - tag.line + 1 - sum(tag.line <= line <= tag.end for line in tables[tag.path])
        if size > MAX_FUNCTION:
            yield lint.Finding(tag.path, tag.line, f"{tag.name}: {size} lines, at most {MAX_FUNCTION}")


if __name__ == "__main__":
    lint.main(check)
