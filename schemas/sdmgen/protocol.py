"""Writes docs/PROTOCOL.md: the prose of protocol.md.in with tables of everything in schemas/."""

import json
import re

from sdmgen import broker
from sdmgen.dialect import need

GROUPS = {
    "s7": "S7: controller and agent",
    "s10": "S10: reservations",
    "s11": "S11: registration and operation (alias S9)",
    "event": "Events",
    "error": "Errors",
    "rack": "The rack file",
    "emurack": "The file of emurackd",
}


def row(*cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def code(text):
    return f"`{text}`" if text else ""


def anchor(name):
    """The fragment that GitHub makes of a heading."""
    return re.sub(r"[^a-z0-9_ -]", "", name.lower()).replace(" ", "-")


def link(type_):
    return f"[`{type_.title}`](#{anchor(type_.title)})"


def kind(field):
    if field.type:
        text = link(field.type)
    elif field.words:
        text = f"[`{field.words.name}`](#{anchor(field.words.name)})"
    elif field.kind == "integer":
        text = f"integer, {field.min} to {field.max}"
    elif field.kind == "string":
        text = (f"`{field.pattern}`, " if field.pattern else "string, ")
        text += f"at most {field.max}" if not field.min else f"{field.min} to {field.max}"
    else:
        text = field.kind
    return f"list of {field.min_items} to {field.max_items}: {text}" if field.is_list else text


def members(type_):
    if not type_.fields:
        return "No members.\n"
    rows = [row("member", "", "type", "meaning"), row("---", "---", "---", "---")]
    for field in type_.fields:
        rows.append(row(f"`{field.name}`", "required" if field.required else "", kind(field),
                        field.description))
    text = "\n".join(rows) + "\n"
    if type_.max_members == 1:
        text += "\nExactly one of them.\n"
    return text


def section(level, type_, example=None):
    text = f"{'#' * level} {type_.title}\n\n{type_.description}\n\n"
    if type_.reply:
        text += f"Answered by `{type_.reply}` ([members](#{anchor(type_.reply)})) or `error/1`.\n\n"
    text += members(type_)
    if example is not None:
        text += "\n```json\n" + json.dumps(example, ensure_ascii=False) + "\n```\n"
    return text


def codes(source):
    """Codes and their texts, from the header that owns them."""
    header = (source / "services/lib/base/error.h").read_text(encoding="utf-8")
    return "\n".join(row(f"`{name}`", text)
                     for name, text in re.findall(r'X\(([A-Z_]+), "([^"]+)"\)', header))


def contents(schemas):
    lines = []
    for group, title in GROUPS.items():
        found = [link(m) for m in schemas.messages if m.group == group]
        lines.append(f"- {title}: " + ", ".join(found))
    return "\n".join(lines)


def example_of(schemas, message):
    path = schemas.folder / "examples" / message.name / "valid-full.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def protocol(schemas):
    source = schemas.folder.resolve().parent
    for message in schemas.messages:
        need(message.group in GROUPS, message.title, "protocol.py has no heading for its group")
    by_group = [m for group in GROUPS for m in schemas.messages if m.group == group]
    parts = {
        "exchanges": "\n".join(row(f"`{name}`", kind_, "yes" if durable else "no", what)
                               for name, kind_, durable, what in broker.EXCHANGES),
        "queues": "\n".join(row(f"`{name}`", kind_, code(bound), code(arguments), what)
                            for name, kind_, bound, arguments, what in broker.QUEUES),
        "properties": "\n".join(row(*cells) for cells in broker.PROPERTIES),
        "codes": codes(source),
        "contents": contents(schemas),
        "messages": "\n".join(section(3, m, example_of(schemas, m)) for m in by_group).rstrip(),
        "parts": "\n".join(section(3, part) for part in schemas.parts).rstrip(),
        "words": "\n\n".join(f"### {words.name}\n\n{words.description}: "
                             + ", ".join(f"`{value}`" for value in words.values)
                             for words in schemas.words.values() if words.name != "error_code"),
    }
    parts["words"] += "\n\n### error_code\n\nSee [codes](#codes)."
    text = (schemas.folder / "protocol.md.in").read_text(encoding="utf-8")
    return re.sub(r"\{\{([a-z]+)\}\}", lambda found: parts[found.group(1)], text)
