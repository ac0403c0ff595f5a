#!/usr/bin/python3
"""Tidy: clang-tidy with the tree's .clang-tidy over every C file of services/ and deploy/ that the build compiles.

The analyzer takes minutes over the whole tree: it runs with LINT_TIDY=1 in the environment, and for the files that
differ from the last commit."""

import concurrent.futures
import os
import re
import subprocess

import lint

PLACE = re.compile(r"^(/.*?):(\d+):\d+: (?:error|warning): (.*)")


def changed(tree):
    if not (tree.root / ".git").exists():
        return set()
    run = subprocess.run(["git", "-C", tree.root, "diff", "--name-only", "HEAD"], capture_output=True, text=True)
    return set(run.stdout.split())


def tidy(tree, name, analyze):
    checks = [] if analyze else ["--checks=-clang-analyzer-*"]
    # Without this, a folder below 'build/' would have clang-tidy look for a configuration of its own.
    command = ["clang-tidy", "--quiet", f"--config-file={tree.root / '.clang-tidy'}", "-p", tree.build,
               "--header-filter=/(services|deploy)/", *checks, tree.root / name]
    run = subprocess.run(command, capture_output=True, text=True)
    found = [match.groups() for match in map(PLACE.match, run.stdout.splitlines()) if match]
    for path, line, text in found:
        yield lint.Finding(os.path.relpath(path, os.path.realpath(tree.root)), int(line), text)
    if run.returncode and not found:
        yield lint.Finding(name, 1, (run.stderr.strip() or "clang-tidy failed")[:300])


def check(tree):
    everything = os.environ.get("LINT_TIDY") == "1"
    analyzed = changed(tree)
    names = [name for name in tree.having(".c") if name.startswith(("services/", "deploy/"))
             and os.path.realpath(tree.root / name) in tree.commands]
    if not names:
        yield lint.Finding("compile_commands.json", 1, "the build compiles nothing that could be checked")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for findings in pool.map(lambda name: list(tidy(tree, name, everything or name in analyzed)), names):
            yield from findings


if __name__ == "__main__":
    lint.main(check)
