#!/usr/bin/python3
"""Python: every script and module compiles, has nothing unused or undefined (pyflakes), and is run by Debian's
python3, by its full path."""

import io

import pyflakes.api
import pyflakes.reporter

import lint


def scripts(tree):
    """Modules by their name, scripts by their first line."""
    for name in tree.files:
        if name.endswith(".py"):
            yield name
        elif tree.is_text(name) and tree.text(name).startswith("#!") and "python" in tree.text(name).splitlines()[0]:
            yield name


def check(tree):
    for name in scripts(tree):
        text = tree.text(name)
        first = text.splitlines()[0] if text else ""
        if first.startswith("#!") and first != "#!/usr/bin/python3":
            yield lint.Finding(name, 1, f"'{first}': want #!/usr/bin/python3, other Pythons may come first on PATH")
        out, errors = io.StringIO(), io.StringIO()
        pyflakes.api.check(text, name, pyflakes.reporter.Reporter(out, errors))
        for line in (out.getvalue() + errors.getvalue()).splitlines():
            parts = line.removeprefix(name + ":").split(":", 2)
            if line.startswith(name + ":") and parts[0].isdigit():
                yield lint.Finding(name, int(parts[0]), parts[-1].strip())


if __name__ == "__main__":
    lint.main(check)
