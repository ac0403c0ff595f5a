"""Writes docs/asyncapi.yaml: the broker API as an AsyncAPI 3.0 document."""

import json
import re

from sdmgen import broker

NOTICE = "# Generated from schemas/ by schemas/generate.py --docs docs; do not edit.\n"
PARAMETERS = {
    "reply_to": "The property reply_to of the request",
    "brick": "Id of the compute brick",
    "n": "Number of the report queue",
    "kind": "What the event is about: reservation, brick, vm, drift, audit_head",
    "whose": "Project of a reservation or virtual machine, - for none; id of a brick or device; pod",
}


def key(message):
    return message.title.replace("/", "-v")


def scalar(value):
    """A YAML scalar; text that YAML could read as something else is quoted as in JSON."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9 ._/()-]*", value) \
            and value not in ("yes", "no", "on", "off", "true", "false", "null", "n", "y"):
        return value
    return json.dumps(value, ensure_ascii=False)


def yaml(value, indent=0):
    """Block style of dictionaries, lists and scalars."""
    pad, lines = "  " * indent, []
    entries = value.items() if isinstance(value, dict) else [(None, item) for item in value]
    for name, item in entries:
        head = pad + ("- " if name is None else scalar(name) + ":")
        if isinstance(item, (dict, list)) and item:
            block = yaml(item, indent + 1)
            lines.append(head.rstrip() + "\n" + block if name is not None
                         else head + block.lstrip())
        elif isinstance(item, (dict, list)):
            lines.append(head.rstrip() + (" {}" if isinstance(item, dict) else " []"))
        else:
            lines.append(head.rstrip() + " " + scalar(item))
    return "\n".join(lines)


def exchange_binding(name):
    if not name:
        return {"name": "", "type": "default", "durable": True, "autoDelete": False}
    _, kind, durable, _ = next(e for e in broker.EXCHANGES if e[0] == name)
    return {"name": name, "type": kind, "durable": durable, "autoDelete": False}


def channel(schemas, exchange, address, title, carries):
    found = [m for m in schemas.messages if carries(m)]
    body = {
        "address": address,
        "title": title,
        "messages": {key(m): {"$ref": f"#/components/messages/{key(m)}"} for m in found},
    }
    names = re.findall(r"\{([a-z_]+)\}", address)
    if names:
        body["parameters"] = {name: {"description": PARAMETERS[name]} for name in names}
    body["bindings"] = {"amqp": {"is": "routingKey", "exchange": exchange_binding(exchange),
                                 "bindingVersion": "0.3.0"}}
    return body


def operations(schemas):
    found = {}
    for message in schemas.messages:
        place = next((n for n, c in broker.CHANNELS.items() if c[3](message)), None)
        if place is None or place == "replies":
            continue
        here = f"#/channels/{place}"
        sends = place in ("agents", "events")
        operation = {
            "action": "send" if sends else "receive",
            "channel": {"$ref": here},
            "summary": message.description,
            "messages": [{"$ref": f"{here}/messages/{key(message)}"}],
        }
        if message.reply and place in ("s10", "s11"):
            answers = "#/channels/replies"
            answer = next(m for m in schemas.messages if m.title == message.reply)
            failure = next(m for m in schemas.messages if m.name == "error")
            operation["reply"] = {
                "channel": {"$ref": answers},
                "messages": [{"$ref": f"{answers}/messages/{key(m)}"} for m in (answer, failure)],
            }
        found[key(message)] = operation
    return found


def component(message):
    return {
        "name": message.title,
        "contentType": "application/json",
        "summary": message.description,
        "correlationId": {"$ref": "#/components/correlationIds/request"},
        "headers": {"$ref": "#/components/schemas/headers"},
        "payload": {"$ref": f"../schemas/{message.name}.json"},
        "bindings": {"amqp": {"messageType": message.title, "bindingVersion": "0.3.0"}},
    }


def asyncapi(schemas):
    version = (schemas.folder.resolve().parent / "VERSION").read_text(encoding="utf-8").strip()
    on_broker = [m for m in schemas.messages if any(c[3](m) for c in broker.CHANNELS.values())]
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "SDM control plane",
            "version": version,
            "description": "Broker API of the controller for disaggregated memory; "
                           "docs/PROTOCOL.md has the same in prose.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": {"host": "localhost:5672", "protocol": "amqp",
                               "protocolVersion": "0.9.1", "description": "RabbitMQ"}},
        "channels": {name: channel(schemas, *row) for name, row in broker.CHANNELS.items()},
        "operations": operations(schemas),
        "components": {
            "messages": {key(m): component(m) for m in on_broker},
            "correlationIds": {"request": {
                "description": "Chosen by the requester, the same in the reply",
                "location": "$message.header#/correlation_id"}},
            "schemas": {"headers": {
                "type": "object",
                "properties": {
                    "type": {"type": "string", "description": "Message type, s10.reserve/1"},
                    "correlation_id": {"type": "string"},
                    "reply_to": {"type": "string", "description": "Queue for the reply"},
                    "sdm-token": {"type": "string", "description": "Token of the requester"},
                }}},
        },
    }
    return NOTICE + yaml(document) + "\n"
