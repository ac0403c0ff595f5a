"""Each check finds a planted violation, and nothing in a clean file."""

import format as format_check
import headers
import names
import shutil
import sizes

import lint


def function(n_lines, head="int f(void)"):
    return head + "\n{\n" + "    x();\n" * (n_lines - 3) + "}\n"


def test_sizes_of_functions(plant, texts):
    assert not texts(sizes.check, plant("a.c", function(60)))
    assert texts(sizes.check, plant("b.c", "\n" + function(61))) == ["b.c:2: f: 61 lines, at most 60"]


def test_sizes_of_files(plant, texts):
    assert not texts(sizes.check, plant("a.c", "int a;\n" * 700))
    assert texts(sizes.check, plant("b.h", "int a;\n" * 701)) == ["b.h:1: 701 lines, at most 700"]
    assert "c.py:1: 701 lines, at most 700" in texts(sizes.check, plant("c.py", "a\n" * 701))


def test_a_static_table_counts_for_nothing(plant, texts):
    table = "    static const struct {\n        int a;\n    } rows[] = {\n" + "        {1},\n" * 100 + "    };\n"
    assert not texts(sizes.check, plant("a.c", "int f(void)\n{\n" + table + "    x();\n}\n"))
    assert not texts(sizes.check, plant("b.c", "static const int rows[] = {\n" + "    1,\n" * 800 + "};\n"))


def test_an_exemption_that_is_not_needed_fails(plant, texts, monkeypatch):
    monkeypatch.setattr(sizes, "EXEMPT", {"a.c": "a table"})
    assert "need not be exempt" in texts(sizes.check, plant("a.c", "int a;\n"))[0]


def test_names(plant, texts):
    assert not texts(names.check, plant("services/lib/x/a.c", "int sdm_a_get(void)\n{\n}\nstatic int b(void)\n{\n}\n"))
    assert not texts(names.check, plant("services/lib/x/c.c", "static const struct {\n    int a;\n} rows[] = {{1}};\n"))
    assert texts(names.check, plant("services/lib/x/b.c", "int get(void)\n{\n}\n")) == [
        "services/lib/x/b.c:1: get: what is exported begins with sdm_"]
    plant("services/lib/x/b.c", "")
    assert texts(names.check, plant("services/lib/x/a.h", "struct Plan {\n    int a;\n};\n")) == [
        "services/lib/x/a.h:1: struct Plan: want sdm_"]
    plant("services/lib/x/a.h", "")
    assert texts(names.check, plant("services/lib/x/util.c", "")) == [
        "services/lib/x/util.c:1: a module is named after what it is for"]


GOOD = "/* What it is for. */\n#pragma once\n\n#include <stdint.h>\n\nuint64_t sdm_x_get(void);\n"


def test_headers(plant, texts):
    assert not texts(headers.check, plant("services/lib/x/a.h", GOOD))
    findings = texts(headers.check, plant("services/lib/x/b.h", GOOD.replace("#include <stdint.h>\n", "")))
    assert len(findings) == 1 and "b.h:5: does not compile alone: unknown type name" in findings[0]
    plant("services/lib/x/b.h", GOOD)
    assert texts(headers.check, plant("services/lib/x/c.h", GOOD.replace("#pragma once\n", ""))) == [
        "services/lib/x/c.h:1: #pragma once, once"]
    plant("services/lib/x/c.h", GOOD)
    assert texts(headers.check, plant("services/lib/x/d.h", GOOD[len("/* What it is for. */\n"):])) == [
        "services/lib/x/d.h:1: opens with what the module is for"]


def test_format(plant, texts):
    tree = plant("a.c", "int f(void)\n{\n    return 1;\n}\n")
    shutil.copy(lint.ROOT / ".clang-format", tree.root)
    assert not texts(format_check.check, tree)
    plant("a.c", "int f(void)\n{\n  return 1;\n}\n")
    assert texts(format_check.check, lint.Tree(tree.root)) == ["a.c:2: clang-format -i would change this line"]
