import pytest

import layers


def found(tree, table=None):
    table = table or layers.Table()
    table.deviations = []
    return [str(finding) for finding in layers.check(tree, table)]


# File, text, words of the one finding (None: no finding).
ROWS = [
    ("services/sdm-controller/model/a.c", '#include "sdm-controller/store/tx.h"\n',
     "layer 'sdm-controller/model' may not use 'sdm-controller/store'"),
    ("services/sdm-controller/model/a.c", '# include   "lib/json/json.h"\n', "may not use 'lib/json'"),
    ("services/sdm-controller/model/a.c", '/* #include "lib/json/json.h" */\n', None),
    ("services/sdm-controller/model/a.c", '#include "wire/words.h"\n', None),
    ("services/sdm-controller/model/a.c", '#include "wire/s10.h"\n', "may not use 'wire types'"),
    ("services/sdm-controller/compile/a.c", '#include "wire/s7.h"\n', None),
    ("services/sdm-controller/compile/a.c", '#include "lib/wire/codec.h"\n', "may not use 'lib/wire'"),
    ("services/sdm-agent/session/a.c", '#include "sdm-controller/model/plan.h"\n', "may not use 'sdm-controller/model'"),
    ("services/sdm-controller/keeper.c", '#include "sdm-controller/store/tx.h"\n', None),
    ("services/sdm-controller/keeper.c", '#include "sdm-agent/state/state.h"\n', "may not use 'sdm-agent/state'"),
    ("services/sdm-controller/model/a.c", '#include "a.h"\n', "write includes from services/"),
    ("services/sdm-controller/new/a.c", "\n", "its folder has no row"),
    ("services/lib/amqp/a.c", "#include <jansson.h>\n", "only lib/json may use jansson"),
    ("services/lib/amqp/a.c", "#include <amqp.h>\n", None),
    ("services/emurack/a.c", "#include <libvirt/libvirt.h>\n", "only sdm-agent/backend may use libvirt"),
    ("services/emurack/a.c", "#include <zlib.h>\n", "no row of layers.toml names it"),
    ("services/emurack/a.c", "int f(void)\n{\n    return g_main_loop_new(0, 0) != 0;\n}\n",
     "a.c:3: g_main_loop_new: only lib/svc may use GMainLoop"),
    ("services/emurack/a.c", "static GMutex mutex;\n", "GMutex: only sdmctl may use GMutex"),
    ("services/sdm-controller/store/a.c", 'static const char *sql = "SELECT 1";\n', None),
    ("services/sdm-controller/registry/a.c", 'static const char *sql = "SELECT 1";\n', "SQL: only"),
    # Pure layers.
    ("services/sdm-controller/planner/a.c", "int f(void)\n{\n    return time(0);\n}\n", "a.c:3: time(): this layer is pure"),
    ("services/sdm-controller/planner/a.c", "int f(void)\n{\n    return random();\n}\n", "random(): this layer is pure"),
    ("services/sdm-controller/planner/a.c", "void f(void)\n{\n    g_warning(\"x\");\n}\n", "g_warning(): this"),
    ("services/sdm-controller/planner/a.c", "void f(void)\n{\n    g_debug(\"time(0)\");\n}\n", None),
    ("services/sdm-controller/planner/a.c", "void f(struct x *x)\n{\n    x->open(1);\n}\n", None),
    ("services/sdm-controller/planner/a.c", "#include <unistd.h>\n", "layer 'sdm-controller/planner' is pure"),
    ("services/sdm-controller/planner/a.c", "#include <pthread.h>\n", "layer 'sdm-controller/planner' is pure"),
    ("services/sdm-controller/graph/a.c", "#include <pthread.h>\n", None),
    ("services/sdm-controller/planner/a.c", "static int calls;\n", "'calls': a global that changes"),
    ("services/sdm-controller/planner/a.c", "static const int calls = 1;\n", None),
    ("services/sdm-controller/planner/a.c", 'static const char *name = "a";\n', "'name': a global that changes"),
    ("services/sdm-controller/planner/a.c", 'static const char *const names[] = {"a"};\n', None),
    ("services/sdm-controller/planner/a.c", "static const struct {\n    int a;\n} rows[] = {\n    {1},\n};\n", None),
    ("services/sdm-controller/planner/a.c", "int f(void)\n{\n    static int calls;\n\n    return calls++;\n}\n",
     "a static local that changes"),
]


@pytest.mark.parametrize("name, text, words", ROWS)
def test_include(plant, name, text, words):
    findings = found(plant(name, text))
    if words is None:
        assert not findings
    else:
        assert len(findings) >= 1 and words in findings[0]


def test_cmake_links_what_the_row_allows(plant):
    plant("services/lib/base/CMakeLists.txt", "sdm_layer(base SOURCES a.c)\n")
    plant("services/lib/pg/CMakeLists.txt", "sdm_layer(pg SOURCES a.c USES base OWNS PkgConfig::PQ)\n")
    tree = plant("services/sdm-controller/model/CMakeLists.txt", "sdm_layer(model\n  SOURCES a.c\n  USES base pg odd)\n")
    assert found(tree) == [
        "services/sdm-controller/model/CMakeLists.txt:1: 'model' links 'pg': layer 'sdm-controller/model' may not use 'lib/pg'",
        "services/sdm-controller/model/CMakeLists.txt:1: 'model' uses 'odd', which is no layer"]


def test_a_circle_in_the_table_is_found(plant):
    table = layers.Table()
    table.layers["lib/base"] = {"holds": "", "may_use": ["lib/json"]}
    assert "a circle: lib/base -> lib/json -> lib/base" in "\n".join(found(plant("a", ""), table))


def test_a_deviation_hides_its_own_finding_and_fails_when_it_is_not_needed(plant):
    table = layers.Table()
    table.deviations = [{"file": "services/emurack/a.c", "text": "use GMutex", "why": "x"}]
    tree = plant("services/emurack/a.c", "static GMutex mutex;\n")
    assert not list(layers.check(tree, table))
    plant("services/emurack/a.c", "\n")
    (finding,) = layers.check(type(tree)(tree.root), table)
    assert "nothing found" in finding.text


def test_the_table_is_written_for_people():
    rows = list(layers.markdown(layers.Table()))
    assert len(rows) == 2 + len(layers.Table().layers)
    assert all(row.count("|") == 5 for row in rows)
