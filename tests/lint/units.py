#!/usr/bin/python3
"""Units: `systemd-analyze security` finds each of them exposed by at most 2.5; every user and folder that one names is
made by sysusers.d and tmpfiles.d, and their files are read as they are meant."""

import pathlib
import re
import subprocess
import tempfile

import lint

FOLDER = "deploy/systemd/"
THRESHOLD = 25  # tenths


def unit_text(tree, name):
    return re.sub(r"@\w+@", "/usr/sbin", tree.text(name))


def exposure(tree, name, folder):
    """systemd's judgement, which it writes in the last line."""
    file = pathlib.Path(folder) / pathlib.Path(name).name.removesuffix(".in")
    file.write_text(unit_text(tree, name), encoding="utf-8")
    run = subprocess.run(["systemd-analyze", "security", "--offline=true", f"--threshold={THRESHOLD}", "--no-pager",
                          file], capture_output=True, text=True)
    if run.returncode != 0:
        last = (run.stdout + run.stderr).strip().splitlines()[-1]
        yield lint.Finding(name, 1, f"want at most {THRESHOLD / 10}: {last}")
    for line in run.stderr.splitlines():
        yield lint.Finding(name, 1, line.removeprefix(f"{file}:"))


def settings(text, key):
    return re.findall(rf"^{key}=(.+)$", text, re.MULTILINE)


def users_and_folders(tree, name, root):
    text = unit_text(tree, name)
    users = (root / "etc/passwd").read_text(encoding="utf-8")
    for user in settings(text, "User") or ["root"]:
        if not re.search(rf"^{user}:", users, re.MULTILINE):
            yield lint.Finding(name, 1, f"runs as '{user}', whom sysusers.conf does not make")
    for path in settings(text, "ExecStart"):
        for config in re.findall(r"--config=(\S+)/", path):
            if not (root / config.lstrip("/")).is_dir():
                yield lint.Finding(name, 1, f"'{config}' is not made by tmpfiles.conf")


def make_root(tree, folder):
    """A root folder as an installation would have it; systemd's own programs make it."""
    root = pathlib.Path(folder) / "root"
    for part in ("etc", "run", "var/lib"):
        (root / part).mkdir(parents=True)
    for program, name in (("systemd-sysusers", "sysusers.conf"), ("systemd-tmpfiles --create", "tmpfiles.conf")):
        run = subprocess.run([*program.split(), f"--root={root}", tree.root / FOLDER / name], capture_output=True,
                             text=True)
        if run.returncode != 0 or "Failed" in run.stderr:
            yield lint.Finding(FOLDER + name, 1, run.stderr.strip())
    return root


def check(tree):
    units = tree.having(".service.in", under=FOLDER)
    if not units:
        return
    with tempfile.TemporaryDirectory() as folder:
        root = yield from make_root(tree, folder)
        for name in units:
            yield from exposure(tree, name, folder)
            yield from users_and_folders(tree, name, root)


if __name__ == "__main__":
    lint.main(check)
