"""Every message of S10 and S11, asked by nobody, a reader, a member and an administrator."""

import re

import pytest

from bed import ROOT, key

GONE = "00000000-0000-4000-8000-000000000000"
TARGET = {"compute_brick": "cb0"}
READER, MEMBER, ADMIN = range(3)

# message: (least role, body, answer to those who may: a code, or None for a reply)
MESSAGES = {
    "s10.plan": (READER, {"compute_bricks": ["cb0"], "size_bytes": 1 << 27, "latency_class": "tray", "mode": "host"},
                 None),
    "s10.show": (READER, {"reservation": GONE}, "NOT_FOUND"),
    "s10.list": (READER, {}, None),
    "s10.reserve": (MEMBER, {"key": None, "plan": GONE}, "PLAN_EXPIRED"),
    "s10.attach": (MEMBER, {"key": None, "reservation": GONE, "target": TARGET}, "NOT_FOUND"),
    "s10.detach": (MEMBER, {"key": None, "reservation": GONE}, "NOT_FOUND"),
    "s10.resize": (MEMBER, {"key": None, "reservation": GONE, "size_bytes": 1 << 27}, "NOT_FOUND"),
    "s10.release": (MEMBER, {"key": None, "reservation": GONE}, "NOT_FOUND"),
    "s10.renew": (MEMBER, {"key": None, "reservation": GONE, "lease_s": 60}, "NOT_FOUND"),
    "s10.group.join": (MEMBER, {"key": None, "group": "g", "compute_brick": "none"}, "NOT_FOUND"),
    "s10.group.leave": (MEMBER, {"key": None, "group": "g", "compute_brick": "cb0"}, "NOT_FOUND"),
    "s10.accelerator.reserve": (MEMBER, {"key": None, "accelerator_kind": "fpga", "compute_brick": "none"},
                                "NOT_FOUND"),
    "s10.accelerator.release": (MEMBER, {"key": None, "reservation": GONE}, "NOT_FOUND"),
    "s10.batch": (MEMBER, {"key": None, "operations": [{"release": {"reservation": GONE}}]}, "NOT_FOUND"),
    "s11.vm.list": (READER, {}, None),
    "s11.show": (READER, {}, None),
    "s11.agents": (ADMIN, {}, None),
    "s11.status": (ADMIN, {}, None),
    "s11.register": (ADMIN, {"key": None, "topology": {
        "racks": [], "trays": [], "bricks": [], "switches": [], "links": []}}, None),
    "s11.change": (ADMIN, {"key": None, "brick": "none"}, "NOT_FOUND"),
    "s11.retire": (ADMIN, {"key": None, "brick": "none"}, "NOT_FOUND"),
    "s11.power": (ADMIN, {"key": None, "brick": "none", "power": "on"}, "NOT_FOUND"),
    "s11.vm.bind": (ADMIN, {"key": None, "vm": GONE, "project": "demo"}, "NOT_FOUND"),
    "s11.project.set": (ADMIN, {"key": None, "project": "nobody-1", "max_bytes": 1 << 40}, None),
    "s11.project.show": (READER, {}, None),
    "s11.project.list": (ADMIN, {}, None),
    "s11.quarantine.list": (ADMIN, {}, None),
    "s11.quarantine.release": (ADMIN, {"key": None, "segment": GONE}, "NOT_FOUND"),
    "s11.dead.list": (ADMIN, {}, None),
    "s11.dead.show": (ADMIN, {"letter": "0" * 16}, "NOT_FOUND"),
    "s11.dead.requeue": (ADMIN, {"letters": ["0" * 16]}, "NOT_FOUND"),
    "s11.dead.drop": (ADMIN, {"letters": ["0" * 16]}, "NOT_FOUND"),
    "s11.fence": (ADMIN, {"key": None, "brick": "none"}, "NOT_FOUND"),
}


def routes():
    """What the dispatcher's table has, from its source."""
    source = (ROOT / "services/sdm-controller/dispatcher/routes.c").read_text()
    table = source[source.index("sdm_routes[] = {"):]
    named = re.findall(r'\bS(1[01])_(?:READ|WRITE)\(\s*"([a-z.]+)"', table)
    return {f"s{number}.{name}" for number, name in named} | set(re.findall(r'"(s1[01]\.[a-z.]+)/\d+"', table))


def test_every_route_is_tried():
    assert len(routes()) > 20
    assert routes() <= MESSAGES.keys(), "a new route: say here who may use it"


def body_of(message):
    body = MESSAGES[message][1]
    return {**body, "key": key()} if "key" in body else body


@pytest.mark.parametrize("message", MESSAGES)
def test_who_may(bed, message):
    least, _body, answer = MESSAGES[message]
    assert bed.nobody.code(message, body_of(message)) == "UNAUTHENTICATED"
    for role, client in ((READER, bed.reader), (MEMBER, bed.demo), (ADMIN, bed.admin)):
        if message not in routes():
            # It has a schema and is not built: known to nobody.
            assert client.code(message, body_of(message)) == "UNKNOWN_MESSAGE"
        elif role < least:
            assert client.code(message, body_of(message)) == "FORBIDDEN", role
        else:
            assert client.code(message, body_of(message)) == answer, role


@pytest.mark.parametrize("message", [name for name in MESSAGES if MESSAGES[name][0] == ADMIN])
def test_s9_is_no_way_around(bed, message):
    """The alias of S11 asks for the same role."""
    sent = bed.demo.send(message, body_of(message), routing_key="s9")
    reply_type, reply, _when = bed.demo.reply(sent)
    assert (reply_type, reply["code"]) == ("error/1", "FORBIDDEN" if message in routes() else "UNKNOWN_MESSAGE")


def test_only_an_administrator_acts_for_others(bed):
    body = {**MESSAGES["s10.plan"][1]}
    for message in ("s10.list",):
        assert bed.reader.code(message, {"project": "other"}) == "FORBIDDEN"
        assert bed.demo.code(message, {"project": "other"}) == "FORBIDDEN"
        assert bed.admin.code(message, {"project": "other"}) is None
        assert bed.demo.code(message, {"project": "demo"}) is None
    assert bed.demo.code("s11.project.show", {"project": "other"}) == "FORBIDDEN"
    assert bed.admin.code("s11.project.show", {"project": "nobody-2"}) == "NOT_FOUND"
    wanted = {"key": key(), "project": "other", "request": body}
    assert bed.demo.code("s10.reserve", wanted) == "FORBIDDEN"
