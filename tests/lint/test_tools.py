"""python, packages and tidy find a planted violation, and nothing in a clean file."""

import json
import shutil

import packages
import python
import pytest
import tidy

import lint


def test_python(plant, texts):
    assert not texts(python.check, plant("a.py", "#!/usr/bin/python3\nimport os\n\nprint(os.name)\n"))
    assert texts(python.check, plant("b", "#!/usr/bin/env python3\n")) == [
        "b:1: '#!/usr/bin/env python3': want #!/usr/bin/python3, other Pythons may come first on PATH"]
    plant("b", "")
    assert texts(python.check, plant("c.py", "import os\n")) == ["c.py:1: 'os' imported but unused"]
    plant("c.py", "")
    assert "d.py:2" in texts(python.check, plant("d.py", "def f():\nreturn 1\n"))[0]


# File, text, what is found with a list that holds python3 alone.
PACKAGE_ROWS = [
    ("a.c", "#include <jansson.h>\n", "<jansson.h> is of package 'libjansson-dev'"),
    ("a.c", "#include <no-such-header.h>\n", "<no-such-header.h>: not found"),
    ("CMakeLists.txt", "sdm_pkg(JANSSON jansson)\n", "pkg-config jansson is of package 'libjansson-dev'"),
    ("a.py", "import pika\n", "import pika is of package 'python3-pika'"),
    ("a.py", "from pika.adapters import x\n", "import pika is of package 'python3-pika'"),
    ("a.py", "import no_such_module\n", "import no_such_module: not found"),
    ("a.py", 'import subprocess\n\nsubprocess.run(["jq", "."])\n', "jq is of package 'jq'"),
    ("a.sh", "x | jq .\n", "jq is of package 'jq'"),
    ("a.sh", "jq . a\n", "jq is of package 'jq'"),
    ("a.sh", 'x=$(jq . a)\n', "jq is of package 'jq'"),
    ("a.sh", "if ! command -v jq; then :; fi\n", "jq is of package 'jq'"),
    ("a", "#!/bin/bash\nA=b jq . a\n", "jq is of package 'jq'"),
    ("a.sh", "# jq\nsay 'jq'\ncat <<TEXT\njq .\nTEXT\n", None),
    ("a.sh", "sort a | head\n", None),
    ("a.py", "import json\nimport a\n", None),
    ("a.c", "#include <glib.h>\n", "<glib.h> is of package 'libglib2.0-dev'"),
]


@pytest.mark.parametrize("name, text, words", PACKAGE_ROWS)
def test_packages(plant, texts, name, text, words):
    plant("deploy/packages.txt", "python3   for checks\nlibc6-dev   its headers\n")
    findings = texts(packages.check, plant(name, text))
    if words is None:
        assert not findings
    else:
        assert len(findings) == 1 and words in findings[0]


def test_a_package_that_is_not_installed_is_found(plant, texts):
    assert texts(packages.check, plant("deploy/packages.txt", "no-such-package   x\n")) == [
        "deploy/packages.txt:1: 'no-such-package' is not installed"]


def compiled(tree, *names):
    commands = [{"file": str(tree.root / name), "directory": str(tree.root), "command": f"gcc -c {name}"} for name in names]
    (tree.root / "compile_commands.json").write_text(json.dumps(commands))
    shutil.copy(lint.ROOT / ".clang-tidy", tree.root)
    return lint.Tree(tree.root, tree.root)


def test_tidy(plant, texts, monkeypatch):
    monkeypatch.delenv("LINT_TIDY", raising=False)
    clean = "int f(int a)\n{\n    if (a) {\n        return 1;\n    }\n    return 2;\n}\n"
    assert not texts(tidy.check, compiled(plant("services/a.c", clean), "services/a.c"))
    tree = compiled(plant("services/a.c", "int f(int a)\n{\n    if (a)\n        return 1;\n    return 2;\n}\n"), "services/a.c")
    (finding,) = texts(tidy.check, tree)
    assert finding.startswith("services/a.c:3: statement should be inside braces")


def test_the_analyzer_runs_when_asked(plant, texts, monkeypatch):
    tree = compiled(plant("services/a.c", "int f(void)\n{\n    int *p = 0;\n\n    return *p;\n}\n"), "services/a.c")
    monkeypatch.delenv("LINT_TIDY", raising=False)
    assert not texts(tidy.check, tree)
    monkeypatch.setenv("LINT_TIDY", "1")
    (finding,) = texts(tidy.check, tree)
    assert "services/a.c:5: Dereference of null pointer" in finding


def test_an_empty_build_is_no_clean_one(plant, texts):
    assert len(texts(tidy.check, compiled(plant("services/a.c", "")))) == 1
