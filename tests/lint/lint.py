"""What every check has in common: the files of a tree, findings, and text of C without comments.

A check is a module with check(tree) that yields findings; `lint.main(check)` prints them and makes them the exit
status.  test_*.py plants a violation in a tree of its own and sees it found."""

import argparse
import dataclasses
import functools
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True, order=True)
class Finding:
    path: str
    line: int
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}"


class Tree:
    """The files of a source tree: those that git knows, or all of them where there is no repository."""

    def __init__(self, root=ROOT, build=None):
        self.root = pathlib.Path(root)
        self.build = pathlib.Path(build) if build else None

    @functools.cached_property
    def files(self):
        if (self.root / ".git").exists():
            listed = subprocess.run(["git", "-C", self.root, "ls-files", "-z", "--cached", "--others",
                                     "--exclude-standard"], check=True, capture_output=True, text=True).stdout
            names = [name for name in listed.split("\0") if name and (self.root / name).is_file()]
        else:
            names = [str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()]
        return sorted(names)

    def having(self, *suffixes, under=""):
        return [name for name in self.files if name.endswith(suffixes) and name.startswith(under)]

    @functools.cache
    def text(self, name):
        return (self.root / name).read_text(encoding="utf-8", errors="replace")

    def is_text(self, name):
        with open(self.root / name, "rb") as file:
            return b"\0" not in file.read(4096)

    def lines(self, name):
        return enumerate(self.text(name).splitlines(), 1)

    @functools.cache
    def code(self, name, strings=False):
        """C with comments blanked, and string and character literals too unless 'strings'; lines stay lines."""
        return blank(self.text(name), strings)

    @functools.cached_property
    def commands(self):
        """File to its compile command's words, from the build folder; empty without one."""
        path = self.build / "compile_commands.json" if self.build else None
        if path is None or not path.exists():
            return {}
        return {os.path.realpath(entry["file"]): entry for entry in json.loads(path.read_text())}


LITERAL = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def blank(text, strings=False):
    def empty(match):
        piece = match.group(0)
        if piece[0] == "/" or not strings:
            return re.sub(r"[^\n]", " ", piece)
        return piece
    return LITERAL.sub(empty, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


@dataclasses.dataclass(frozen=True)
class Tag:
    """One definition, as universal-ctags sees it."""
    path: str
    kind: str
    name: str
    line: int
    end: int
    is_static: bool


def tags(tree, names, kinds):
    """Definitions in C files; 'kinds' are letters of `ctags --list-kinds=C`."""
    if not names:
        return []
    run = subprocess.run(["ctags", "--options=NONE", "--output-format=json", "--languages=C", "--langmap=C:+.h",
                          f"--kinds-C={kinds}", "--fields=+nef", "-I", "SDM_AUTOCLOSE,G_GNUC_PRINTF+", "-L", "-"],
                         cwd=tree.root, input="\n".join(names), check=True, capture_output=True, text=True)
    found = []
    for line in run.stdout.splitlines():
        entry = json.loads(line)
        if entry.get("_type") == "tag":
            found.append(Tag(entry["path"], entry["kind"], entry["name"], entry["line"],
                             entry.get("end", entry["line"]), bool(entry.get("file"))))
    return found


def declaration(tree, tag):
    """The words before a file-level variable's value: of '} rows[] = {' too, whose type began lines before."""
    lines = tree.code(tag.path).splitlines()
    first = tag.line - 1
    while first > 0 and not re.match(r"\w", lines[first]):
        first -= 1
    words = "\n".join(lines[first:tag.line])
    return words[:words.find("=", words.rfind("\n"))] if "=" in words.splitlines()[-1] else words


def main(check):
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--root", default=ROOT, help="source tree (default: this one)")
    parser.add_argument("--build", help="build folder, for compile_commands.json and programs")
    arguments = parser.parse_args()
    findings = sorted(set(check(Tree(arguments.root, arguments.build))))
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings" if findings else "no finding")
    sys.exit(1 if findings else 0)
