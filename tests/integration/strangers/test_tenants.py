"""What is another tenant's does not exist: the answer is the one that something gets that never was."""

import uuid

import pytest

from bed import GUESTS, UNIT, Refusal, key, request

GONE = "00000000-0000-4000-8000-000000000000"
TARGET = {"compute_brick": "cb3"}


def same_answer(client, message, body, name, other_name):
    """Both names are refused in the same words, and with the same members."""
    answers = []
    for one in (name, other_name):
        text = {**body(one), "key": key()}
        reply_type, reply = client.answer(message, text)
        assert reply_type == "error/1", reply
        answers.append(str({k: v for k, v in reply.items() if k != "request"}).replace(one, "NAME"))
    assert answers[0] == answers[1]
    return reply["code"]


ON_RESERVATIONS = {
    "s10.attach": lambda name: {"reservation": name, "target": TARGET},
    "s10.detach": lambda name: {"reservation": name},
    "s10.resize": lambda name: {"reservation": name, "size_bytes": 2 * UNIT},
    "s10.release": lambda name: {"reservation": name},
    "s10.renew": lambda name: {"reservation": name, "lease_s": 60},
    "s10.accelerator.release": lambda name: {"reservation": name},
    "s10.batch": lambda name: {"operations": [{"release": {"reservation": name}}]},
}


@pytest.mark.parametrize("message", ON_RESERVATIONS)
def test_reservations(bed, held, message):
    mine = held()
    before = bed.demo.call("s10.show", reservation=mine)
    assert same_answer(bed.other, message, ON_RESERVATIONS[message], mine, GONE) == "NOT_FOUND"
    assert bed.demo.call("s10.show", reservation=mine) == before


def test_looking(bed, held):
    mine = held()
    for name in (mine, GONE):
        assert bed.other.code("s10.show", {"reservation": name}) == "NOT_FOUND"
    assert mine in [one["reservation"] for one in bed.demo.call("s10.list")["reservations"]]
    assert mine not in [one["reservation"] for one in bed.other.call("s10.list")["reservations"]]
    assert mine in [one["reservation"] for one in bed.reader.call("s10.list")["reservations"]]


def test_plans(bed):
    plan = bed.demo.call("s10.plan", **request())["plan"]
    assert same_answer(bed.other, "s10.reserve", lambda name: {"plan": name}, plan, GONE) == "PLAN_EXPIRED"
    reply = bed.demo.write("s10.reserve", plan=plan)
    bed.demo.write("s10.release", reservation=reply["reservation"]["reservation"], wait="fabric")


def test_virtual_machines(bed, held):
    mine = held(brick="cb2", mode="vm")
    for guest in ("foreign", "nobodys"):
        assert same_answer(bed.demo, "s10.attach", lambda vm: {"reservation": mine, "target": {"vm": vm}},
                           GUESTS[guest][0], str(uuid.uuid4())) == "NOT_FOUND"
    for client, seen in ((bed.demo, {"mine"}), (bed.other, {"foreign"}), (bed.reader, {"mine"}),
                         (bed.admin, set(GUESTS))):
        assert {one["name"] for one in client.call("s11.vm.list")["vms"]} == seen


def test_groups_have_name_spaces(bed):
    """Two projects name a group the same: two groups, with bytes of their own."""
    group = f"g-{key()[:8]}"
    joined = {}
    for client in (bed.demo, bed.other):
        reply = client.write("s10.group.join", group=group, compute_brick="cb3", size_bytes=UNIT)
        joined[client] = reply["reservation"]
    assert joined[bed.demo]["project"] == "demo" and joined[bed.other]["project"] == "other"
    places = {(one["segments"][0]["memory_brick"], one["segments"][0]["offset_bytes"]) for one in joined.values()}
    assert len(places) == 2
    for client in (bed.demo, bed.other):
        client.write("s10.group.leave", group=group, compute_brick="cb3", wait="fabric")
    assert bed.other.code("s10.group.leave", {"key": key(), "group": group, "compute_brick": "cb3"}) == "NOT_FOUND"


def test_keys_have_name_spaces(bed):
    """The key of another's request is a fresh key, and tells nothing of it."""
    name = key()
    mine = bed.demo.call("s10.reserve", key=name, request=request())
    with pytest.raises(Refusal) as raised:
        bed.other.call("s10.reserve", key=name, request=request(brick="no-such-brick"))
    assert raised.value.code == "NOT_FOUND"
    again = bed.demo.call("s10.reserve", key=name, request=request())
    assert again["reservation"]["reservation"] == mine["reservation"]["reservation"]
    bed.demo.write("s10.release", reservation=mine["reservation"]["reservation"], wait="fabric")


def test_what_racks_show_names_nobody(bed, held):
    """Who may look at hardware sees how much is taken, not whose it is."""
    mine = held()
    for rack in bed.rack["racks"]:
        shown = str(bed.other.call("s11.show", rack=rack["id"]))
        assert mine not in shown and "demo" not in shown
