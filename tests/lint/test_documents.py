"""documents finds a planted violation of each kind, and nothing in a clean tree."""

import documents
import pytest


@pytest.fixture
def found(texts):
    return lambda check, *arguments: texts(lambda _: check(*arguments), None)


def test_links(plant, found):
    plant("docs/A.md", "# One heading: `x`\n\n## Two\n")
    assert not found(documents.check_links, plant("README.md", "[a](docs/A.md) [b](docs/A.md#one-heading-x) [c](https://x.y/z)\n"))
    assert found(documents.check_links, plant("docs/B.md", "[a](C.md)\n[b](A.md#three)\n`[c](D.md)`\n")) == [
        "docs/B.md:1: link to 'C.md': no such file", "docs/B.md:2: link to 'A.md#three': no such heading"]


def test_paths(plant, found):
    plant("deploy/up", "")
    plant("sql/a.sql", "")
    tree = plant("docs/A.md", "`deploy/up` `sql/*.sql` `sql/{a,b}.sql` `deploy/DIR/x` `deploy/down`\n\n    deploy/left\n")
    assert found(documents.check_paths, tree) == [
        "docs/A.md:1: 'deploy/down': no such file", "docs/A.md:1: 'sql/{a,b}.sql': no such file",
        "docs/A.md:3: 'deploy/left': no such file"]


HELP = "Commands:\n  rack show        Draws\n  plan             Plans\n"


def test_commands(plant, found, monkeypatch):
    monkeypatch.setattr(documents, "help_of", lambda programs, name: HELP)
    plant("deploy/up", "")
    plant("docs/OPERATIONS.md", "`sdmctl plan`\n")
    tree = plant("README.md", "    $ deploy/up\n    $ sdmctl --json rack show\n`sdmctl rack eat`\n`sdmctl --help`\n")
    assert found(documents.check_commands, tree, {}) == [
        "README.md:1: 'deploy/up' cannot be run", "README.md:3: 'sdmctl rack eat': no such command"]


# Text of a source, what is found in it.
LEFT_OVER = [
    ("/* TODO: more */\n", "'TODO': left over"),
    ("/* This is a stub. */\n", "'stub': left over"),
    ("# not implemented\n", "'not implemented': left over"),
    ("cd /home/someone/x\n", "'/home/s': a path of one machine"),
    ("curl https://pypi.org/simple\n", "'pypi.org': a host of packages"),
    ("mktemp -d /tmp/sdm-XXXXXX\n", None),
    ("/* stubborn */\n", None),
]


@pytest.mark.parametrize("text, words", LEFT_OVER)
def test_left_over(plant, found, text, words):
    assert found(documents.check_left_over, plant("a.c", text)) == ([f"a.c:1: {words}"] if words else [])


def test_codes(plant, found):
    plant("services/lib/base/error.h", '#define X \\\n    X(MALFORMED, "x") \\\n    X(IN_USE, "y")\n')
    tree = plant("docs/OPERATIONS.md", "| `MALFORMED` | x |\n| `GONE` | y |\n")
    assert found(documents.check_codes, tree) == ["docs/OPERATIONS.md:1: `GONE`: no such code",
                                                  "docs/OPERATIONS.md:1: `IN_USE`: no row"]


def test_version(plant, found):
    plant("VERSION", "1.2.3\n")
    assert found(documents.check_version, plant("NEWS.md", "## 1.2.30\n")) == ["NEWS.md:1: no heading for 1.2.3"]


SAYS = {
    "--help": "Usage: {name} [OPTION...]\n\nDoes {name}.\n\nOptions:\n  -h, --help   x\n  --broker=VALUE  y\n",
    "--document=markdown": "## {name}\n\n| `broker` |\n",
    "--document=man": ".SH OPTIONS\n.B \\-\\-broker\n",
}


def test_generated(plant, found, monkeypatch):
    monkeypatch.setattr(documents, "run", lambda program, what: SAYS[what].format(name=program))
    programs = {name: name for name in documents.PROGRAMS}
    plant("docs/man/sdmctl.1", ".B \\-\\-help\n.B \\-\\-broker\n")
    tree = plant("docs/ARCHITECTURE.md", "a\n<!-- layers: x -->\n<!-- end of layers -->\nb\n")
    monkeypatch.setattr(documents, "find_programs", lambda tree: programs)
    assert len(found(documents.check_generated, tree, programs)) == 2 + len(documents.DAEMONS)
    documents.write(tree)
    assert not found(documents.check_generated, type(tree)(tree.root), programs)
    plant("docs/man/sdmctl.1", ".B \\-\\-help\n")
    assert found(documents.check_generated, type(tree)(tree.root), programs) == ["docs/man/sdmctl.1:1: --broker is missing"]
    page = plant("docs/man/emurackd.8", "a\n.SH OPTIONS\nold\n.SH FILES\nb\n")
    assert any("emurackd.8" in line for line in found(documents.check_generated, type(tree)(tree.root), programs))
    documents.write(page)
    assert page.root.joinpath("docs/man/emurackd.8").read_text() == "a\n.SH OPTIONS\n.B \\-\\-broker\n.SH FILES\nb\n"
    plant("docs/OPTIONS.md", "old\n")
    assert any("docs/OPTIONS.md" in line for line in found(documents.check_generated, type(tree)(tree.root), programs))
    assert any("build sdmctl first" in line for line in found(documents.check_generated, tree, {
        name: name for name in documents.DAEMONS}))
