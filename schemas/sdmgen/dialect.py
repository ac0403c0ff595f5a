"""Reads schemas/*.json and checks that they keep to the dialect that the codec supports.

Every file is one message type, an object; common.json holds the types that messages share.  What the
codec could not check is refused here, so that a schema never promises more than the code does.
"""

import dataclasses
import json
import pathlib
import re

# The definitions of common.json whose pattern services/lib/wire/pattern.c checks.
PATTERNS = ("id", "uuid", "project", "key", "timestamp", "endpoint", "accelerator_kind")
# Members of one object: the codec keeps those it has seen as bits of one word.
MAX_FIELDS = 64
INT64 = (-(2**63), 2**63 - 1)

KEYWORDS = {
    "string": {"type", "description", "maxLength", "minLength", "pattern", "enum"},
    "integer": {"type", "description", "minimum", "maximum"},
    "boolean": {"type", "description"},
    "array": {"type", "description", "items", "minItems", "maxItems"},
    "object": {"type", "description", "additionalProperties", "properties", "required",
               "minProperties", "maxProperties"},
}
FILE_KEYWORDS = {"$schema", "$id", "title", "x-reply"}


class DialectError(Exception):
    """A schema that the generator cannot turn into code."""


def need(condition, where, text):
    if not condition:
        raise DialectError(f"{where}: {text}")


@dataclasses.dataclass
class Words:
    """A closed set of words; an enumeration in C."""

    name: str
    description: str
    values: list


@dataclasses.dataclass
class Field:
    """One member of an object."""

    name: str
    description: str
    kind: str  # string, integer, boolean, enum, object
    required: bool
    is_list: bool = False
    min: int = 0
    max: int = 0
    min_items: int = 0
    max_items: int = 0
    pattern: str = ""
    words: Words = None
    type: "Type" = None


@dataclasses.dataclass
class Type:
    """An object: a message, or a part of messages."""

    name: str  # s10.reserve, or the definition's name
    version: int  # 0: part of messages
    description: str
    fields: list
    closed: bool
    min_members: int
    max_members: int
    reply: str = ""

    @property
    def title(self):
        return f"{self.name}/{self.version}" if self.version else self.name

    @property
    def group(self):
        return self.name.split(".")[0] if self.version else "common"


class Schemas:
    """All types in an order in which every type stands behind those it is made of."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.files = {path.name: json.loads(path.read_text(encoding="utf-8"))
                      for path in sorted(self.folder.glob("*.json"))}
        self.types = {}
        self.words = {}
        self.open_refs = []
        self.read_files()
        titles = {t.title for t in self.messages}
        for message in self.messages:
            request = message.closed and message.group in ("s10", "s11")
            need(bool(message.reply) or not request, message.title, "does not say x-reply")
            need(not message.reply or message.reply in titles, message.title,
                 f"x-reply {message.reply} is not there")

    def read_files(self):
        for name in self.files:
            if name == "common.json":
                for definition in self.files[name]["$defs"]:
                    self.resolve("common.json", f"#/$defs/{definition}")
            else:
                self.resolve(name, name)

    @property
    def messages(self):
        return sorted((t for t in self.types.values() if t.version), key=lambda t: t.title)

    @property
    def parts(self):
        return [t for t in self.types.values() if not t.version]

    def target(self, file, ref):
        """The file, definition ('' for a whole file) and schema that a $ref names."""
        other, _, pointer = ref.partition("#")
        other = other or file
        need(other in self.files, file, f"$ref to {ref}, which is not there")
        if not pointer:
            return other, "", self.files[other]
        need(other == "common.json" and pointer.startswith("/$defs/"), file,
             f"$ref to {ref}: want a file or a definition of common.json")
        definition = pointer[len("/$defs/"):]
        need(definition in self.files[other]["$defs"], file, f"$ref to {ref}, which is not there")
        return other, definition, self.files[other]["$defs"][definition]

    def resolve(self, file, ref):
        """The Type or Words behind a $ref, read when it is first asked for; None for other strings."""
        other, definition, schema = self.target(file, ref)
        where = definition or other
        if definition and schema.get("type") != "object":
            self.check_keywords(where, schema, schema.get("type"))
            return self.read_words(definition, schema) if "enum" in schema else None
        if where not in self.types:
            need(where not in self.open_refs, where, "contains itself")
            self.open_refs.append(where)
            self.types[where] = self.read_type(other, definition, schema)
            self.open_refs.pop()
        return self.types[where]

    def read_words(self, name, schema):
        need("description" in schema, name, "has no description")
        longest = max(len(word) for word in schema["enum"])
        need(schema.get("maxLength", longest) == longest, name, f"maxLength is not {longest}")
        need(len(set(schema["enum"])) == len(schema["enum"]), name, "has a word twice")
        words = self.words.setdefault(name, Words(name, schema["description"], schema["enum"]))
        need(words.values == schema["enum"], name, "is the name of two sets of words")
        return words

    def check_keywords(self, where, schema, kind, extra=frozenset()):
        need(kind in KEYWORDS, where, f"type {kind!r} is not of the dialect")
        unknown = set(schema) - KEYWORDS[kind] - extra
        need(not unknown, where, f"keywords {sorted(unknown)} are not of the dialect")

    def read_type(self, file, definition, schema):
        where = definition or file
        self.check_keywords(where, schema, schema.get("type"),
                            frozenset() if definition else FILE_KEYWORDS)
        need(schema.get("type") == "object", where, "is no object")
        need(schema.get("description"), where, "has no description")
        need(isinstance(schema.get("additionalProperties"), bool), where,
             "does not say additionalProperties")
        name, version = definition, 0
        if not definition:
            match = re.fullmatch(r"([a-z0-9_.]+)/([1-9][0-9]*)", schema.get("title", ""))
            need(match, where, "title is not NAME/VERSION")
            name, version = match.group(1), int(match.group(2))
            need(file == f"{name}.json" or file == f"{name}.v{version}.json", where,
                 f"is not the file of {schema['title']}")
        properties = schema["properties"]
        need(len(properties) <= MAX_FIELDS, where, f"has more than {MAX_FIELDS} members")
        need(set(schema["required"]) <= set(properties), where, "requires what it does not name")
        scope = definition or name.replace(".", "_")
        fields = [self.read_field(file, scope, member, value, member in schema["required"])
                  for member, value in properties.items()]
        names = {field.name for field in fields}
        for field in fields:
            need(not field.is_list or f"n_{field.name}" not in names, where,
                 f"n_{field.name} is the length of a list and a member")
        return Type(name, version, schema["description"], fields,
                    not schema["additionalProperties"], schema.get("minProperties", 0),
                    schema.get("maxProperties", 2**32 - 1), schema.get("x-reply", ""))

    def read_field(self, file, scope, name, schema, required):
        where = f"{file}: {scope}.{name}"
        need(re.fullmatch(r"[a-z][a-z0-9_]*", name), where, "is no name in C")
        if schema.get("type") == "array":
            self.check_keywords(where, schema, "array")
            need("maxItems" in schema, where, "has no maxItems")
            need(schema.get("description"), where, "has no description")
            field = self.read_value(file, where, f"{scope}_{name}", name, schema["items"], required)
            field.description = schema["description"]
            field.is_list = True
            field.min_items = schema.get("minItems", 0)
            field.max_items = schema["maxItems"]
            return field
        field = self.read_value(file, where, f"{scope}_{name}", name, schema, required)
        need(field.description, where, "has no description")
        return field

    def read_value(self, file, where, scope, name, schema, required):
        """A member's value, or an item of a list, behind its $ref if it has one."""
        description = schema.get("description", "")
        field = Field(name, description, "", required)
        if "$ref" in schema:
            need(set(schema) <= {"$ref", "description"}, where, "has keywords beside $ref")
            _, definition, target = self.target(file, schema["$ref"])
            found = self.resolve(file, schema["$ref"])
            field.description = description or target["description"]
            if isinstance(found, Type):
                field.kind, field.type = "object", found
                return field
            if definition and "pattern" in target:
                need(definition in PATTERNS, where, f"no function checks the pattern {definition}")
                field.pattern = definition
            schema, scope = target, definition
        kind = schema.get("type")
        need(kind in ("string", "integer", "boolean"), where, f"type {kind!r} is not of the dialect")
        self.check_keywords(where, schema, kind)
        field.kind = kind
        if kind == "integer":
            need("minimum" in schema and "maximum" in schema, where, "a number needs both ends")
            field.min, field.max = schema["minimum"], schema["maximum"]
            need(INT64[0] <= field.min <= field.max <= INT64[1], where, "ends are outside 64 bits")
        elif "enum" in schema:
            field.kind, field.words = "enum", self.read_words(
                scope, {"description": field.description, **schema})
        elif kind == "string":
            need("maxLength" in schema, where, "a string needs maxLength")
            need("pattern" not in schema or field.pattern, where,
                 "patterns belong to the named definitions of common.json")
            field.min, field.max = schema.get("minLength", 0), schema["maxLength"]
        return field
