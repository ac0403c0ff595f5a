"""Every SQL statement of the controller: prepared against a fresh schema, parameters and casts.

usage: store_contract.py STORE-CHECK, with SDM_DATABASE naming a database that has the schema
"""

import collections
import pathlib
import re
import subprocess
import sys
import unittest

STORE = pathlib.Path(__file__).resolve().parents[2] / "services" / "sdm-controller" / "store"
CHECKER = sys.argv.pop(1)

UNCAST = re.compile(r"\$\d+(?!\d|::)")
LITERAL = re.compile(r"'(?:[^']|'')*'")


class Store(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.run_of_checker = subprocess.run([CHECKER], capture_output=True, text=True)
        lines = cls.run_of_checker.stdout.splitlines()
        cls.statements = [line.split("\t", 1) for line in lines]

    def test_every_statement_can_be_prepared(self):
        self.assertEqual(self.run_of_checker.stderr, "")
        self.assertEqual(self.run_of_checker.returncode, 0)
        self.assertGreater(len(self.statements), 50)

    def test_every_statement_in_the_source_is_visited(self):
        in_source = collections.Counter()
        for path in STORE.glob("*.c"):
            in_source.update(re.findall(r"struct sdm_pg_statement \w+ = \{\s*(?:\.name = )?\"(\w+)\"",
                                        path.read_text()))
        self.assertEqual(set(in_source) ^ {name for name, _ in self.statements}, set(),
                         "its file ends with SDM_STORE_STATEMENTS() and stands in statements.c")

    def test_names_are_unique(self):
        counts = collections.Counter(name for name, _ in self.statements)
        self.assertEqual([name for name, n in counts.items() if n > 1], [])

    def test_every_parameter_is_cast(self):
        for name, sql in self.statements:
            self.assertEqual(UNCAST.findall(sql), [], f"{name}: {sql}")

    def test_names_are_qualified(self):
        """A table that is not found by its schema depends on somebody's search_path."""
        for name, sql in self.statements:
            tables = re.findall(r"\b(?:INSERT INTO|DELETE FROM|UPDATE) (?!sdm\.|SET\b)(\w+)",
                                LITERAL.sub("''", sql))
            self.assertEqual([table for table in tables if table != "OF"], [], f"{name}: {sql}")


if __name__ == "__main__":
    unittest.main()
