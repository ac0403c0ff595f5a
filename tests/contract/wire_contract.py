#!/usr/bin/python3
"""The codec against the schemas it is generated from: wire_contract.py WIRE-CHECK.

Every example, and many mutations of each valid one, goes through python3-jsonschema and through the
codec; both have to agree.  The patterns of common.json are compared with the functions that check
them, the list of codes with lib/base.
"""

import copy
import json
import pathlib
import random
import re
import subprocess
import sys
import unittest

import jsonschema

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SCHEMAS = SOURCE / "schemas"
EXAMPLES = SCHEMAS / "examples"
CHECK = ["wire-check"]
MUTATIONS_A_TYPE = 150


def load_schemas():
    return {path.name: json.loads(path.read_text(encoding="utf-8"))
            for path in SCHEMAS.glob("*.json")}


FILES = load_schemas()
COMMON = FILES["common.json"]["$defs"]


def validators():
    """A validator for each message type, with every file known by its $id."""
    store = {schema["$id"]: schema for schema in FILES.values()}
    found = {}
    for name, schema in FILES.items():
        if name != "common.json":
            jsonschema.Draft202012Validator.check_schema(schema)
            resolver = jsonschema.RefResolver(schema["$id"], schema, store=store)
            found[schema["title"]] = jsonschema.Draft202012Validator(schema, resolver=resolver)
    return found


VALIDATORS = validators()


def type_of(folder):
    return FILES[f"{folder.name}.json"]["title"]


def examples(kind):
    for folder in sorted(EXAMPLES.iterdir()):
        for path in sorted(folder.glob(f"{kind}-*.json")):
            yield type_of(folder), path


def ask(questions):
    """The codec's answers to a list of (type, text)."""
    lines = "".join(f"{name}\t{text}\n" for name, text in questions)
    run = subprocess.run([*CHECK, "-"], input=lines.encode(), stdout=subprocess.PIPE, check=False)
    answers = run.stdout.decode().splitlines()
    assert run.returncode in (0, 1) and len(answers) == len(questions), \
        f"status {run.returncode}, {len(answers)} answers to {len(questions)} questions"
    return answers


def positions(value, path=()):
    """Every place in a JSON value, as the keys that lead there."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield (*path, key)
        if isinstance(value[key], (dict, list)):
            yield from positions(value[key], (*path, key))


def mutations(message):
    """Copies of a message with one place changed, removed, doubled or added to."""
    strange = [None, True, 7, -1, 0, 1.5, 2.0, 2**60 + 1, 2**63 - 1, "", "x", "A b", "x" * 70, {}, [],
               [{}], {"sise": 1}]
    for path in [(), *positions(message)]:
        def changed(edit):
            whole = {"message": copy.deepcopy(message)}
            box = whole
            for key in ("message", *path)[:-1]:
                box = box[key]
            edit(box, ("message", *path)[-1])
            return whole["message"]

        if path:
            yield changed(lambda box, key: box.pop(key))
            for value in strange:
                yield changed(lambda box, key, value=value: box.__setitem__(key, value))
        target = message
        for key in path:
            target = target[key]
        if isinstance(target, dict):
            yield changed(lambda box, key: box[key].update(sise=1))
        if isinstance(target, list) and target:
            yield changed(lambda box, key: box.__setitem__(key, box[key] * 70))


def fits_bytes(value):
    """False where the codec is stricter on purpose: maxLength counts bytes there."""
    return json.dumps(value).isascii()


class Examples(unittest.TestCase):
    def test_every_message_has_some(self):
        for name, schema in FILES.items():
            if name == "common.json":
                continue
            folder = EXAMPLES / name[:-len(".json")]
            found = [path.name for path in folder.glob("*.json")]
            self.assertTrue([n for n in found if n.startswith("valid-")], name)
            self.assertTrue([n for n in found if n.startswith("invalid-")], name)

    def answers(self, kind):
        """Type, path and the codec's answer of each; no newline stands inside a JSON string."""
        found = list(examples(kind))
        said = ask([(title, path.read_text(encoding="utf-8").replace("\n", " "))
                    for title, path in found])
        return [(title, path, answer) for (title, path), answer in zip(found, said)]

    def test_valid_ones_pass_both(self):
        for title, path, said in self.answers("valid"):
            with self.subTest(path.name, type=title):
                message = json.loads(path.read_text(encoding="utf-8"))
                VALIDATORS[title].validate(message)
                status, _, text = said.partition("\t")
                self.assertEqual(status, "ok")
                again = json.loads(text)
                VALIDATORS[title].validate(again)
                self.assertEqual(self.known(message, again), again)

    def known(self, message, again):
        """The message without the members that only a later version knows."""
        if isinstance(message, dict):
            return {key: self.known(message[key], again[key]) for key in message if key in again}
        if isinstance(message, list):
            return [self.known(m, a) for m, a in zip(message, again, strict=True)]
        return message

    def test_invalid_ones_are_refused_by_both(self):
        for title, path, said in self.answers("invalid"):
            with self.subTest(path.name, type=title):
                code = path.name.split("-")[1]
                self.assertEqual(said.split(" ")[0], code, said)
                if code != "MALFORMED":
                    message = json.loads(path.read_text(encoding="utf-8"))
                    self.assertFalse(VALIDATORS[title].is_valid(message))

    def test_a_file_is_checked_by_name(self):
        for name, status in (("valid-plan", 0), ("invalid-MALFORMED-not-json", 1)):
            path = EXAMPLES / "s10.reserve" / f"{name}.json"
            run = subprocess.run([*CHECK, "s10.reserve/1", path], stdout=subprocess.DEVNULL,
                                 check=False)
            self.assertEqual(run.returncode, status, name)


class Mutations(unittest.TestCase):
    def test_both_agree_on_mutations(self):
        chosen = random.Random(20260131)
        questions, messages, seen = [], [], set()
        for title, path in examples("valid"):
            found = [m for m in mutations(json.loads(path.read_text(encoding="utf-8")))
                     if fits_bytes(m)]
            for message in chosen.sample(found, min(len(found), MUTATIONS_A_TYPE)):
                text = json.dumps(message)
                if isinstance(message, dict) and (title, text) not in seen:
                    seen.add((title, text))
                    questions.append((title, text))
                    messages.append(message)
        self.assertGreater(len(questions), 3000)
        for (title, text), message, said in zip(questions, messages, ask(questions)):
            valid = VALIDATORS[title].is_valid(message)
            self.assertEqual(said.startswith("ok\t"), valid, f"{title} {text}: {said}")


class Patterns(unittest.TestCase):
    SEEDS = ["tray-1", "a", "A", "_", "demo", "x" * 32, "x" * 33, "x" * 63, "x" * 64, "x" * 65, "", "-a",
             "0123abcd-0123-4567-89ab-0123456789ab", "2026-01-31T23:59:59.123456Z",
             "127.0.0.1:7000", "[::1]:1", "h:65535", "h:123456", "k:1.2_3-4", "zw\u00f6lf", "a\u0131",
             "y" * 249 + ":1", "y" * 250 + ":1"]
    LETTERS = "aZz0123456789._-:[]TZ \u00e9/"

    def samples(self):
        chosen = random.Random(1)
        yield from self.SEEDS
        for seed in self.SEEDS:
            for _ in range(60):
                at = chosen.randint(0, len(seed))
                letter = chosen.choice(self.LETTERS)
                yield seed[:at] + letter + seed[at + chosen.randint(0, 1):]
                yield seed[:at] + seed[at + 1:]

    def test_functions_say_what_the_patterns_say(self):
        samples = sorted(set(self.samples()))
        for name in [n for n, d in COMMON.items() if "pattern" in d]:
            # re.ASCII and fullmatch: as ECMA-262 reads a pattern between ^ and $.
            pattern = re.compile(COMMON[name]["pattern"].strip("^$"), re.ASCII)
            answers = ask([(f"pattern:{name}", json.dumps([text])) for text in samples])
            matched = 0
            for text, said in zip(samples, answers):
                self.assertIn(said, ("ok\tmatch", "ok\tother"), name)
                self.assertEqual(said == "ok\tmatch", bool(pattern.fullmatch(text)),
                                 f"{name} {text!r}")
                matched += said == "ok\tmatch"
            self.assertGreater(matched, 5, name)


class Codes(unittest.TestCase):
    def test_codes_equal_those_of_the_library(self):
        header = (SOURCE / "services/lib/base/error.h").read_text(encoding="utf-8")
        self.assertEqual(re.findall(r"X\(([A-Z_]+), \"", header), COMMON["error_code"]["enum"])

    def test_a_wrong_question_is_told_from_a_refusal(self):
        self.assertEqual(ask([("s10.nothing/1", "{}")]),
                         ["UNKNOWN_MESSAGE no message type 's10.nothing/1'"])


if __name__ == "__main__":
    CHECK = [str(pathlib.Path(sys.argv.pop(1)).resolve())]
    unittest.main()
