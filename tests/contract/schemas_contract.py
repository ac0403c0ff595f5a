#!/usr/bin/python3
"""The generator refuses what the codec could not check, and its documents hold together."""

import json
import pathlib
import sys
import tempfile
import unittest

import yaml

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "schemas"))

from sdmgen.code import Code, comment  # noqa: E402
from sdmgen.dialect import DialectError, Schemas  # noqa: E402

STRING = {"type": "string", "description": "Text", "maxLength": 8}
NUMBER = {"type": "integer", "description": "Number", "minimum": 0, "maximum": 9}


def message(title="t.one/1", **changes):
    schema = {"title": title, "type": "object", "description": "One", "additionalProperties": True,
              "properties": {"a": STRING}, "required": ["a"]}
    schema.update(changes)
    return {key: value for key, value in schema.items() if value is not None}


def member(**changes):
    return message(properties={"a": changes})


def read(files, definitions=None):
    """Schemas of the given files, read from a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        files = {"common.json": {"$defs": definitions or {}}, **files}
        for name, schema in files.items():
            pathlib.Path(folder, name).write_text(json.dumps(schema), encoding="utf-8")
        return Schemas(folder)


class Dialect(unittest.TestCase):
    REFUSED = {
        "no description": message(description=None),
        "no additionalProperties": message(additionalProperties=None),
        "no version": message(title="t.one"),
        "another file's title": message(title="t.two/1"),
        "a keyword it does not know": message(patternProperties={}),
        "requires what is not there": message(required=["b"]),
        "a string without maxLength": member(type="string", description="x"),
        "a member without description": member(type="boolean"),
        "a number with one end": member(type="integer", description="x", minimum=0),
        "a number beyond 64 bits": member(type="integer", description="x", minimum=0, maximum=2**63),
        "a real": member(type="number", description="x", minimum=0, maximum=1),
        "a pattern in place": member(**STRING, pattern="^a$"),
        "a format": member(**STRING, format="uuid"),
        "a list without maxItems": member(type="array", description="x", items=STRING),
        "a list of lists": member(type="array", description="x", maxItems=1,
                                  items={"type": "array", "items": STRING, "maxItems": 1}),
        "an object in place": member(type="object", description="x"),
        "a $ref to nothing": member(**{"$ref": "common.json#/$defs/nothing"}),
        "a $ref to a file that is not there": member(**{"$ref": "t.three.json"}),
        "itself": member(**{"$ref": "t.one.json"}),
        "a $ref with another keyword": member(**{"$ref": "common.json#/$defs/id", "maxLength": 3}),
        "too many members": message(properties={f"m{i}": STRING for i in range(65)}, required=[]),
        "a name that C has not": message(properties={"a-b": STRING}, required=[]),
        "a length that is a member": message(
            properties={"a": {"type": "array", "description": "x", "items": STRING, "maxItems": 2},
                        "n_a": NUMBER}, required=[]),
        "a reply that is not there": message(**{"x-reply": "t.two/1"}),
    }

    def test_the_smallest_message_is_read(self):
        schemas = read({"t.one.json": message()})
        self.assertEqual([m.title for m in schemas.messages], ["t.one/1"])

    def test_what_the_codec_cannot_check_is_refused(self):
        for label, schema in self.REFUSED.items():
            with self.subTest(label), self.assertRaises(DialectError):
                read({"t.one.json": schema}, {"id": {**STRING, "pattern": "^a$"}})

    def test_a_request_says_its_reply(self):
        request = message("s10.one/1", additionalProperties=False)
        with self.assertRaises(DialectError):
            read({"s10.one.json": request})

    def test_a_pattern_without_function_is_refused(self):
        with self.assertRaises(DialectError):
            read({"t.one.json": member(**{"$ref": "common.json#/$defs/colour"})},
                 {"colour": {**STRING, "pattern": "^a$"}})

    def test_two_sets_of_words_need_two_names(self):
        words = {"type": "string", "description": "x", "enum": ["on"]}
        other = {**words, "enum": ["off"]}
        with self.assertRaises(DialectError):
            read({"t.one.json": message(properties={"a": words}, required=[])}, {"t_one_a": other})

    def test_a_comment_does_not_end_early(self):
        self.assertEqual(comment("a */ b"), "/* a * / b */\n")


class Documents(unittest.TestCase):
    def setUp(self):
        self.schemas = Schemas(SOURCE / "schemas")
        self.asyncapi = yaml.safe_load((SOURCE / "docs/asyncapi.yaml").read_text(encoding="utf-8"))

    def test_every_message_of_the_broker_is_in_a_channel(self):
        carried = {name for channel in self.asyncapi["channels"].values()
                   for name in channel["messages"]}
        wanted = {m.title.replace("/", "-v") for m in self.schemas.messages
                  if m.name not in ("rack", "emurack")}
        self.assertEqual(carried, wanted)

    def test_every_reference_leads_somewhere(self):
        def walk(value):
            if isinstance(value, dict):
                if isinstance(value.get("$ref"), str):
                    self.follow(value["$ref"])
                for item in value.values():
                    walk(item)
            elif isinstance(value, list):
                for item in value:
                    walk(item)

        walk(self.asyncapi)

    def follow(self, ref):
        if not ref.startswith("#/"):
            self.assertTrue((SOURCE / "docs" / ref).exists(), ref)
            return
        place = self.asyncapi
        for part in ref[2:].split("/"):
            self.assertIn(part, place, ref)
            place = place[part]

    def test_every_message_has_a_heading(self):
        text = (SOURCE / "docs/PROTOCOL.md").read_text(encoding="utf-8")
        for found in self.schemas.types.values():
            self.assertIn(f"\n### {found.title}\n", text)
        self.assertNotIn("{{", text)

    def test_generated_names_do_not_meet(self):
        names = [Code(self.schemas, "sdm", "wire").ident(t) for t in self.schemas.types.values()]
        self.assertEqual(len(names), len(set(names)))


if __name__ == "__main__":
    unittest.main()
