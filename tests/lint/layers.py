#!/usr/bin/python3
"""Layers: what a folder includes is what its row of layers.toml allows.

Also: third-party headers have one owner, pure layers call nothing impure and hold no globals, SQL stands in one
layer, CMake's USES keep to the same table, and the table has no circle.

`layers.py --markdown` prints the table for docs/ARCHITECTURE.md."""

import pathlib
import re
import sys
import tomllib

import lint

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
LAYER_CALL = re.compile(r"\b(sdm_layer|sdm_program)\s*\(\s*(\w[\w-]*)([^)]*)\)")
TABLE = pathlib.Path(__file__).with_name("layers.toml")


class Table:
    def __init__(self, path=TABLE):
        data = tomllib.loads(path.read_text())
        self.layers = data["layers"]
        self.assembly = data["assembly"]["services"]
        self.third_party = data["third_party"]
        self.pure = data["pure"]
        self.sql = data["sql"]
        self.deviations = data.get("deviation", [])
        # Longest first: a single file before the folder that it lies in.
        self.places = sorted(((place, name) for name, row in self.layers.items()
                              for place in row.get("files", [name + "/"])), key=lambda pair: -len(pair[0]))

    def layer_of(self, path):
        """The row of a path below services/ or below the generated folder; a service's own name for its assembly."""
        for place, name in self.places:
            if path == place or (place.endswith("/") and path.startswith(place)):
                return name
        service = path.split("/")[0]
        return service if service in self.assembly and path.count("/") == 1 else None

    def allowed(self, layer, used):
        if layer == used:
            return True
        if layer in self.assembly:
            return used.startswith(("lib/", "wire", layer + "/"))
        return used in self.layers[layer]["may_use"]

    def is_pure(self, layer):
        return self.layers.get(layer, {}).get("pure", False)

    def owners(self, header):
        """(name, owners) of a third-party header, or None when no row names it."""
        for name, group in self.third_party.items():
            for known in group.get("headers", []):
                if header == known or (known.endswith("/") and header.startswith(known)):
                    return name, group["owners"]
        return None


def check_circles(table):
    """The rows are in an order: what a row uses never uses the row."""
    state = {}

    def visit(name, way):
        if state.get(name) == "done":
            return
        if name in way:
            yield lint.Finding("tests/lint/layers.toml", 1, "a circle: " + " -> ".join(way[way.index(name):] + [name]))
            return
        for used in table.layers[name]["may_use"]:
            if used not in table.layers:
                yield lint.Finding("tests/lint/layers.toml", 1, f"'{name}' may use '{used}', which has no row")
            else:
                yield from visit(used, way + [name])
        state[name] = "done"

    for name in table.layers:
        yield from visit(name, [])


def check_includes(tree, table, name, layer):
    for match in INCLUDE.finditer(tree.code(name, strings=True)):
        kind, header = match.groups()
        line = lint.line_of(tree.text(name), match.start(1))
        if kind == '"':
            used = table.layer_of(header)
            if used is None:
                yield lint.Finding(name, line, f'"{header}": write includes from services/, of a folder with a row')
            elif not table.allowed(layer, used):
                yield lint.Finding(name, line, f'"{header}": layer \'{layer}\' may not use \'{used}\'')
        else:
            owned = table.owners(header)
            if owned is None:
                yield lint.Finding(name, line, f"<{header}>: no row of layers.toml names it")
            elif "*" not in owned[1] and layer not in owned[1]:
                yield lint.Finding(name, line, f"<{header}>: only {' and '.join(owned[1]) or 'nobody'} may use {owned[0]}")
        if table.is_pure(layer) and header.startswith(tuple(table.pure["headers"])) and (
                header not in table.layers[layer].get("may_include", [])):
            yield lint.Finding(name, line, f"{header}: layer '{layer}' is pure")


def check_symbols(tree, table, name, layer):
    code = tree.code(name)
    for group, row in table.third_party.items():
        if "symbols" in row and layer not in row["owners"]:
            for match in re.finditer(rf"\b(?:{row['symbols']})", code):
                owners = " and ".join(row["owners"]) or "nobody"
                yield lint.Finding(name, lint.line_of(code, match.start()),
                                   f"{match.group(0)}: only {owners} may use {group}")
    if layer not in table.sql["owners"]:
        for match in re.finditer(table.sql["pattern"], tree.code(name, strings=True)):
            yield lint.Finding(name, lint.line_of(code, match.start()), f"SQL: only {' and '.join(table.sql['owners'])}")


def check_pure(tree, table, name):
    code = tree.code(name)
    banned = "|".join(table.pure["calls"])
    # A member or a function pointer of that name is the caller's to give.
    for match in re.finditer(rf"(?<![\w.>])(?:{banned})\s*\(", code):
        if not re.search(r"\b(?:void|bool|int|char|size_t|\w+_t|struct \w+)\s*\**\s*$", code[:match.start()]):
            called = match.group(0).rstrip("( \t\n")
            yield lint.Finding(name, lint.line_of(code, match.start()), f"{called}(): this layer is pure")
    for match in re.finditer(r"^[ \t]+static (?!const\b|inline\b)[^;{(]*[;=]", code, re.MULTILINE):
        if not re.search(r"\*\s*const\b", match.group(0)):
            yield lint.Finding(name, lint.line_of(code, match.start()), "a static local that changes: this layer is pure")


def check_globals(tree, names):
    for tag in lint.tags(tree, names, "v"):
        words = lint.declaration(tree, tag).rsplit("}", 1)
        # A pointer to what is constant may itself be changed.
        pointer = "*" in words[-1] and not re.search(r"\*\s*const\b", words[-1])
        if pointer or not re.search(r"\bconst\b", "".join(words)):
            yield lint.Finding(tag.path, tag.line, f"'{tag.name}': a global that changes: this layer is pure")


def cmake_targets(tree):
    """Of every sdm_layer() and sdm_program(): file, line, name, folder below services/, used names."""
    for name in tree.having("CMakeLists.txt", under="services/"):
        text = re.sub(r"#[^\n]*", "", tree.text(name))
        folder = str(pathlib.PurePath(name).parent).removeprefix("services/").removeprefix("services")
        for match in LAYER_CALL.finditer(text):
            words = match.group(3).split()
            used = []
            if "USES" in words:
                for word in words[words.index("USES") + 1:]:
                    if word.isupper():
                        break
                    used.append(word)
            yield name, lint.line_of(text, match.start()), match.group(2), folder, used


def check_cmake(tree, table):
    targets = list(cmake_targets(tree))
    folders = {target: folder for _, _, target, folder, _ in targets} | {"words": "lib/words", "agent_state": "sdm-agent/state"}
    for name, line, target, folder, used in targets:
        layer = table.layer_of(folders[target] + "/x") if target != "words" else "lib/words"
        for word in used:
            if word not in folders:
                yield lint.Finding(name, line, f"'{target}' uses '{word}', which is no layer")
                continue
            there = "lib/words" if word == "words" else table.layer_of(folders[word] + "/x")
            if layer is None or there is None:
                continue
            # The generated structs are compiled into lib/wire: linking it is no leave to include its codec.
            types_only = there == "lib/wire" and layer not in table.assembly and table.allowed(layer, "wire types")
            if not types_only and not table.allowed(layer, there):
                yield lint.Finding(name, line, f"'{target}' links '{word}': layer '{layer}' may not use '{there}'")


def without_deviations(findings, table):
    """What is not on the list of known deviations; and what is on it without need."""
    needed = set()
    for finding in findings:
        known = [i for i, row in enumerate(table.deviations)
                 if row["file"] == finding.path and row["text"] in finding.text]
        needed.update(known)
        if not known:
            yield finding
    for i, row in enumerate(table.deviations):
        if i not in needed:
            yield lint.Finding("tests/lint/layers.toml", 1, f"deviation of {row['file']} ({row['text']}): nothing found")


def check(tree, table=None):
    table = table or Table()
    yield from without_deviations(check_all(tree, table), table)


def check_all(tree, table):
    yield from check_circles(table)
    pure = []
    for name in tree.having(".c", ".h", under="services/"):
        layer = table.layer_of(name.removeprefix("services/"))
        if layer is None:
            yield lint.Finding(name, 1, "its folder has no row in tests/lint/layers.toml")
            continue
        yield from check_includes(tree, table, name, layer)
        yield from check_symbols(tree, table, name, layer)
        if table.is_pure(layer):
            pure.append(name)
            yield from check_pure(tree, table, name)
    yield from check_globals(tree, pure)
    yield from check_cmake(tree, table)


def markdown(table):
    """The table of docs/ARCHITECTURE.md."""
    yield "| layer | holds | may use | alone uses |"
    yield "| --- | --- | --- | --- |"
    for name, row in table.layers.items():
        owned = [group for group, row_ in table.third_party.items() if list(row_["owners"]) == [name]]
        shared = [f"{group} ({row_['owners'][name]})" for group, row_ in table.third_party.items()
                  if name in row_["owners"] and len(row_["owners"]) > 1]
        service = name.split("/")[0] + "/"
        uses = ", ".join(used.removeprefix("lib/").removeprefix(service) for used in row["may_use"])
        holds = row["holds"] + (" (**pure**)" if row.get("pure") else "")
        holds += f"; *{row['why']}*" if "why" in row else ""
        yield f"| `{name}` | {holds} | {uses} | {', '.join(owned + shared)} |"


if __name__ == "__main__":
    if "--markdown" in sys.argv[1:]:
        print("\n".join(markdown(Table())))
    else:
        lint.main(check)
