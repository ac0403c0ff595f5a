#!/usr/bin/python3
"""Packages: whatever the tree uses of this machine comes from a package that deploy/packages.txt names.

Looked at: third-party headers, pkg-config modules, Python modules, and programs named in scripts.  Named means: the
package itself or one that depends on it, so that a machine with just these packages has it.  Debian's essential
packages are always there."""

import ast
import functools
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys

import layers
import lint
import python

LIST = "deploy/packages.txt"
# Words that name a program by chance, or one that a script asks for and does without.
IGNORED_WORDS = {"red", "node"}
# Module to the reason why no package gives it.
IGNORED_MODULES = {}


def named(tree):
    """Package to whether every machine has it: those below "# bench" are installed by a benchmark."""
    found, always = {}, True
    for _, line in tree.lines(LIST):
        if line.startswith("# "):
            always = line.split()[1:2] != ["bench"]
        words = line.split("#")[0].split()
        if words:
            found[words[0]] = always
    return found


def query(fields, *arguments):
    run = subprocess.run(["dpkg-query", "-W", "-f", fields, *arguments], capture_output=True, text=True)
    return run.stdout.splitlines()


@functools.cache
def relations():
    """Package to what it depends on, of all that are installed; and the essential ones."""
    depends, essential, provides = {}, set(), {}
    for line in query("${Package}\t${Pre-Depends}, ${Depends}\t${Essential}\t${Priority}\t${Provides}\n"):
        package, needs, is_essential, priority, provided = line.split("\t")
        depends[package] = set(re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9+.-]+)", needs))
        if is_essential == "yes" or priority == "required":
            essential.add(package)
        for name in re.findall(r"(?:^|,)\s*([a-z0-9][a-z0-9+.-]+)", provided):
            provides.setdefault(name, package)
    return depends, essential, provides


def closure(packages):
    """The packages and all that they need."""
    depends, _, provides = relations()
    seen, left = set(), list(packages)
    while left:
        package = left.pop()
        package = package if package in depends else provides.get(package, package)
        if package not in seen:
            seen.add(package)
            left += depends.get(package, ())
    return seen


@functools.cache
def owners():
    """File to package, of everything installed (dpkg-query -S takes a second for each)."""
    found = {}
    for path in pathlib.Path("/var/lib/dpkg/info").glob("*.list"):
        package = path.name.removesuffix(".list").split(":")[0]
        for line in path.read_text(errors="replace").splitlines():
            found[line] = package
    return found


def package_of(path):
    """The package of a file: under the name it is called by, from before /usr was merged, or of what it links to."""
    names = [str(path), os.path.realpath(path)]
    return next((owners()[name] for name in names + [name.removeprefix("/usr") for name in names]
                 if name in owners()), None)


@functools.cache
def include_folders():
    run = subprocess.run(["pkg-config", "--list-all"], capture_output=True, text=True)
    wanted = [line.split()[0] for line in run.stdout.splitlines()
              if line.split()[0] in ("glib-2.0", "gio-unix-2.0", "igraph", "fuse3", "libvirt", "libpq")]
    flags = subprocess.run(["pkg-config", "--cflags-only-I", *wanted], capture_output=True, text=True).stdout.split()
    llvm = sorted(pathlib.Path("/usr/lib").glob("llvm-*/lib/clang/*/include"))
    gcc = sorted(pathlib.Path("/usr/lib/gcc").glob("*/*/include"))
    return [pathlib.Path(flag[2:]) for flag in flags] + [
        pathlib.Path("/usr/include"), pathlib.Path("/usr/include/x86_64-linux-gnu"), *gcc, *llvm]


def headers(tree):
    for name in tree.having(".c", ".h"):
        for match in layers.INCLUDE.finditer(tree.code(name, strings=True)):
            if match.group(1) == "<":
                path = next((folder / match.group(2) for folder in include_folders()
                             if (folder / match.group(2)).exists()), None)
                yield name, lint.line_of(tree.text(name), match.start(1)), f"<{match.group(2)}>", path


def pkg_config_modules(tree):
    folders = ["/usr/lib/x86_64-linux-gnu/pkgconfig", "/usr/lib/pkgconfig", "/usr/share/pkgconfig"]
    for name in tree.having("CMakeLists.txt", ".cmake"):
        for line, text in tree.lines(name):
            for match in re.finditer(r"\bsdm_pkg\(\w+ ([^)]*)\)|pkg_check_modules\(\w+ REQUIRED ([\w. -]+)\)", text):
                for word in (match.group(1) or match.group(2)).split():
                    module = re.sub(r"[<>=].*", "", word)
                    if module.startswith(("IMPORTED", "$")):
                        continue
                    path = next((f"{folder}/{module}.pc" for folder in folders
                                 if os.path.exists(f"{folder}/{module}.pc")), None)
                    yield name, line, f"pkg-config {module}", path


def python_modules(tree):
    own = {pathlib.PurePath(name).stem for name in python.scripts(tree)}
    own |= {part for name in tree.having(".py") for part in pathlib.PurePath(name).parts[:-1]}
    for name in python.scripts(tree):
        try:
            nodes = list(ast.walk(ast.parse(tree.text(name))))
        except SyntaxError:
            continue
        for node in nodes:
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else (
                [node.module] if isinstance(node, ast.ImportFrom) and node.level == 0 else [])
            for module in {module.split(".")[0] for module in modules}:
                if module not in sys.stdlib_module_names | own | IGNORED_MODULES.keys():
                    try:
                        spec = importlib.util.find_spec(module)
                    except (ImportError, ValueError):
                        spec = None
                    origin = spec and (spec.origin or next(iter(spec.submodule_search_locations), None))
                    yield name, node.lineno, f"import {module}", origin


HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1[^\n]*\n.*?^\s*\2$", re.DOTALL | re.MULTILINE)
ABSOLUTE = re.compile(r"(?<![\w./$}-])/usr/(?:s?bin|lib/[\w./-]+/bin)/[\w.+-]+")
# What stands where a command does: first on a line or after an operator, also behind words that start another one.
COMMAND = re.compile(r"(?:^\s*|[|&;(`]\s*|[{!]\s+|\b(?:if|then|else|elif|do|while|until|exec|env|nohup|setsid|time|command|"
                     r"xargs|unshare|nsenter|timeout|setpriv|run_quiet|run_as|as_postgres)\s+|\s--?v?\s+)(?:\w+=\S*\s+)*"
                     r"([a-z][\w.+-]*)(?![\w.+-]*[=(/])", re.MULTILINE)


def shell_words(text):
    """Program names of a shell script."""
    text = HEREDOC.sub("", text)
    text = re.sub(r"(^|\s)#[^\n]*", r"\1", text)
    text = re.sub(r"'[^'\n]*'", "''", text)
    yield from ((match.start(1), match.group(1)) for match in COMMAND.finditer(text))


def programs(tree):
    for name in tree.files:
        if not tree.is_text(name) or name.startswith(("tests/lint/", "docs/")):
            continue
        text = tree.text(name)
        for match in ABSOLUTE.finditer(text):
            if os.path.exists(match.group(0)):
                yield name, lint.line_of(text, match.start()), match.group(0), match.group(0)
        words = []
        if name.endswith(".sh") or (text.startswith("#!") and "sh" in text.splitlines()[0].split("/")[-1]):
            words = [(0, word) for _, word in shell_words(text)]
        elif name.endswith(".py") or (text.startswith("#!") and "python" in text.splitlines()[0]):
            words = [(match.start(), match.group(1)) for match in
                     re.finditer(r"(?:\[|which\(|, )\s*\"([a-z][\w+-]*)\"\s*[,)\]]", text)]
        elif name.endswith(("CMakeLists.txt", ".cmake")):
            words = [(match.start(), match.group(1)) for match in re.finditer(r"\bCOMMAND ([a-z][\w+-]*)\b", text)]
        for position, word in words:
            path = shutil.which(word, path="/usr/sbin:/usr/bin:/sbin:/bin")
            if path is not None and word not in IGNORED_WORDS:
                yield name, lint.line_of(text, position), word, path


def check(tree):
    given = named(tree)
    _, essential, _ = relations()
    there = closure(essential | given.keys())
    for package in sorted(given):
        if given[package] and package not in relations()[0]:
            yield lint.Finding(LIST, 1, f"'{package}' is not installed")
    for source in (headers, pkg_config_modules, python_modules, programs):
        for name, line, what, path in source(tree):
            if path is None:
                yield lint.Finding(name, line, f"{what}: not found on this machine")
                continue
            package = package_of(path)
            if package is not None and package not in there:
                yield lint.Finding(name, line, f"{what} is of package '{package}': {LIST} must name it")


if __name__ == "__main__":
    lint.main(check)
