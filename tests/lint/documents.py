#!/usr/bin/python3
"""Documents: what they say is so, and nothing is left over in sources.

Links and paths lead somewhere; commands exist; options, layers, refusal codes and version are those of the programs,
of tests/lint/layers.toml, of lib/base/error.h and of VERSION.  `documents.py --write --build DIR` writes what is
generated: docs/OPTIONS.md, the options in docs/man/*.8 and the table of docs/ARCHITECTURE.md."""

import functools
import os
import pathlib
import re
import subprocess
import sys

import layers
import lint

# Daemon to one line on what it is; its options come from --document.
DAEMONS = ["sdm-controller", "sdm-agent", "emurackd"]
PROGRAMS = DAEMONS + ["sdmctl"]
LEFT_OVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|\bnot implemented\b|(?i:\bstub(s|bed)?\b)|\bfor now\b")
# A folder that is somebody's own, or a host that packages come from.
MACHINE = re.compile(r"(?<![\w$}.\"-])/(?:work|home|root|Users)/\w|/tmp/w/")
HOSTS = re.compile(r"\b(?:pypi\.org|files\.pythonhosted\.org|registry\.npmjs\.org|crates\.io|proxy\.golang\.org|"
                   r"deb\.debian\.org|ftp\.debian\.org|ghcr\.io|quay\.io|gcr\.io|registry-1\.docker\.io|"
                   r"repo\.maven\.apache\.org|rubygems\.org|[\w.-]+\.jfrog\.io)\b")
# These files name what they look for.
OWN = ("tests/lint/documents.py", "tests/lint/test_documents.py")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
TOP = ("cmake/", "deploy/", "docs/", "schemas/", "services/", "sql/", "tests/", ".ci/")


def anchors(text):
    """The anchors of a page's headings, as GitHub makes them."""
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def check_links(tree):
    for name in tree.having(".md"):
        for line, text in tree.lines(name):
            for target in LINK.findall(CODE.sub(lambda match: " " * len(match.group(0)), text)):
                if re.match(r"[a-z]+:", target):
                    continue
                path, _, anchor = target.partition("#")
                there = (tree.root / name).parent / path if path else tree.root / name
                if not there.exists():
                    yield lint.Finding(name, line, f"link to '{target}': no such file")
                elif anchor and there.suffix == ".md" and anchor not in anchors(there.read_text()):
                    yield lint.Finding(name, line, f"link to '{target}': no such heading")


def exists(tree, path):
    """A path of the tree; with * or {a,b} at least one for each."""
    path = path.rstrip("/")
    brace = re.search(r"\{([^{}]*)\}", path)
    if brace:
        return all(exists(tree, path[:brace.start()] + word + path[brace.end():]) for word in brace.group(1).split(","))
    return any(True for _ in tree.root.glob(path)) if path else True


def check_paths(tree):
    """Paths in backticks and in examples of the pages."""
    for name in tree.having(".md"):
        for line, text in tree.lines(name):
            spans = CODE.findall(text) + ([text.strip()] if text.startswith("    ") else [])
            for word in (word for span in spans for word in span.split()):
                word = word.strip("`'\"(),.;:")
                if word.startswith(TOP) and not re.search(r"[<>$]|[A-Z]{3,}|\.\.\.", word) and not exists(tree, word):
                    yield lint.Finding(name, line, f"'{word}': no such file")


def check_commands(tree, programs):
    """Scripts that README names can be run, and sdmctl knows its commands."""
    known = set(re.findall(r"^  ((?:[a-z]+)(?: [a-z]+)?)(?=  )", help_of(programs, "sdmctl"), re.MULTILINE))
    for name in ("README.md", "docs/OPERATIONS.md"):
        if name not in tree.files:
            yield lint.Finding(name, 1, "is missing")
            continue
        for line, text in tree.lines(name):
            spans = CODE.findall(text) + ([text.strip().removeprefix("$ ").removeprefix("# ")] if text.startswith("    ") else [])
            for span in spans:
                words = span.split()
                if words and words[0].startswith("deploy/") and exists(tree, words[0]):
                    path = tree.root / words[0]
                    if path.is_file() and "." not in path.name and not os.access(path, os.X_OK):
                        yield lint.Finding(name, line, f"'{words[0]}' cannot be run")
                words = [word for word in words if not word.startswith("--")]
                if len(words) > 1 and words[0] == "sdmctl" and known:
                    rest = [word for word in words[1:3] if re.fullmatch(r"[a-z]+", word)]
                    if rest and not any(" ".join(rest[:n]) in known for n in (1, 2)):
                        yield lint.Finding(name, line, f"'sdmctl {' '.join(rest)}': no such command")


def check_left_over(tree):
    for name in tree.files:
        if name in OWN or not tree.is_text(name):
            continue
        for line, text in tree.lines(name):
            for pattern, what in ((LEFT_OVER, "left over"), (MACHINE, "a path of one machine"), (HOSTS, "a host of packages")):
                match = pattern.search(text)
                if match:
                    yield lint.Finding(name, line, f"'{match.group(0)}': {what}")


def check_codes(tree):
    """OPERATIONS.md says what to do on each refusal code."""
    header, page = "services/lib/base/error.h", "docs/OPERATIONS.md"
    if header in tree.files and page in tree.files:
        codes = set(re.findall(r"^    X\((\w+),", tree.text(header), re.MULTILINE))
        told = set(re.findall(r"^\| `([A-Z_]+)`", tree.text(page), re.MULTILINE))
        for code in sorted(codes ^ told):
            yield lint.Finding(page, 1, f"`{code}`: {'no row' if code in codes else 'no such code'}")


def check_version(tree):
    if "VERSION" in tree.files and "NEWS.md" in tree.files:
        version = tree.text("VERSION").split()[0]
        if not re.search(rf"^## {re.escape(version)}\b", tree.text("NEWS.md"), re.MULTILINE):
            yield lint.Finding("NEWS.md", 1, f"no heading for {version}")


@functools.cache
def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}).stdout


def find_programs(tree):
    found = {}
    for folder in (tree.build / "services").rglob("*") if tree.build else ():
        if folder.name in PROGRAMS and folder.is_file() and os.access(folder, os.X_OK):
            found[folder.name] = str(folder)
    return found


def help_of(programs, name):
    return run(programs[name], "--help") if name in programs else ""


def options_page(programs):
    yield ("# Options\n\nGenerated from the programs' own tables by `tests/lint/documents.py --write --build build/release`; do not"
           " edit.\nEach can be given as `--name=VALUE`, as `SDM_NAME` in the environment (`SDM_METRICS_PORT`), or as `name=value`"
           " in\nthe file of `--config`, under a group named after the program. Arguments come before the environment, which comes"
           "\nbefore the file. `--print-config` shows every value and where it came from.\n")
    for name in PROGRAMS:
        # What a daemon prints for people; of sdmctl the options that all of its commands have.
        text = run(programs[name], "--document=markdown")
        yield text[text.index(f"## {name}"):].split("\n### ")[0].strip() + "\n"


def man_page(tree, programs, name):
    """The page as it stands, with the options that the program has; a short one where there is none."""
    options = run(programs[name], "--document=man")
    page = tree.root / "docs/man" / f"{name}.8"
    if page.exists():
        return re.sub(r"^\.SH OPTIONS\n.*?(?=^\.SH (?!OPTIONS)|\Z)", lambda _: options, page.read_text(), count=1,
                      flags=re.DOTALL | re.MULTILINE)
    summary = help_of(programs, name).split("\n\n")[1].strip().rstrip(".")
    dashed = name.replace("-", r"\-")
    return (f".TH {dashed.upper()} 8 \"\" \"SDM\" \"System administration\"\n"
            f".SH NAME\n{dashed} \\- {summary[0].lower() + summary[1:]}\n"
            f".SH SYNOPSIS\n.B {dashed}\n[OPTION...]\n" + options + ".SH SEE ALSO\n.BR sdmctl (1)\n")


LAYERS = re.compile(r"(<!-- layers: [^\n]*-->\n).*?(<!-- end of layers -->)", re.DOTALL)


def generated(tree, programs):
    """Name and text of every generated file."""
    architecture = "docs/ARCHITECTURE.md"
    if architecture in tree.files:
        table = "\n".join(layers.markdown(layers.Table()))
        yield architecture, LAYERS.sub(lambda match: f"{match.group(1)}\n{table}\n\n{match.group(2)}", tree.text(architecture))
    if all(name in programs for name in PROGRAMS):
        yield "docs/OPTIONS.md", "\n".join(options_page(programs))
        for name in DAEMONS:
            yield f"docs/man/{name}.8", man_page(tree, programs, name)


def option_names(text):
    return set(re.findall(r"--([a-z][a-z-]*)", text.replace("\\-", "-")))


def check_generated(tree, programs):
    missing = [name for name in PROGRAMS if name not in programs]
    if missing:
        yield lint.Finding("docs/OPTIONS.md", 1, f"build {', '.join(missing)} first")
    for name, text in generated(tree, programs):
        path = tree.root / name
        if not path.exists() or path.read_text() != text:
            yield lint.Finding(name, 1, "is not what the programs say: tests/lint/documents.py --write --build DIR")
    if "sdmctl" in programs and "docs/man/sdmctl.1" in tree.files:
        first = option_names("\n".join(re.findall(r"^ +(?:-\w, )?--[a-z-]+", help_of(programs, "sdmctl"), re.MULTILINE)))
        for option in sorted(first - option_names(tree.text("docs/man/sdmctl.1"))):
            yield lint.Finding("docs/man/sdmctl.1", 1, f"--{option} is missing")


def check(tree):
    programs = find_programs(tree)
    yield from check_links(tree)
    yield from check_paths(tree)
    yield from check_commands(tree, programs)
    yield from check_left_over(tree)
    yield from check_codes(tree)
    yield from check_version(tree)
    yield from check_generated(tree, programs)


def write(tree):
    for name, text in generated(tree, find_programs(tree)):
        path = tree.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(name)


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        build = pathlib.Path(sys.argv[sys.argv.index("--build") + 1])
        write(lint.Tree(lint.ROOT, build))
    else:
        lint.main(check)
