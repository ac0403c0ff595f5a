"""A small source tree for each test: plant(name, text) adds a file, the tree is then read by a check."""

import pathlib
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import lint  # noqa: E402


@pytest.fixture
def plant(tmp_path):
    def plant(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return lint.Tree(tmp_path)
    return plant


@pytest.fixture
def texts():
    """What a check finds, as 'path:line: text' in order."""
    return lambda check, tree: [str(finding) for finding in sorted(set(check(tree)))]
