"""S10 and S11 as a pika client uses them, against controller, agents and emulated rack: each message in a sensible
flow, each wait level, each mode."""

import os
import time

import pytest

from bed import GIB, GUESTS, MIB, PLAN_VALID_MS, UNIT, Refusal, key, request
from testbed_view import control, wait_until


def entries(bed, brick):
    """NetPort entries that the emulated brick has."""
    return next(device for device in bed.hardware.status()["devices"] if device["id"] == brick)["entries"]


def device(bed, name):
    return next(one for one in bed.hardware.status()["devices"] if one["id"] == name)


def give_back(client, reservation):
    reply = client.write("s10.release", reservation=reservation, wait="fabric")
    assert (reply["reservation"]["state"], reply["reached"], reply["done"]) == ("released", "fabric", True)
    assert reply["reservation"]["segments"] == []
    return reply


# --- Modes and wait levels.


@pytest.mark.parametrize("level", ["committed", "fabric", "guest"])
def test_mode_host(bed, wire, held, level):
    mine = held(brick="cb0", size_bytes=2 * UNIT, mode="host")
    name = mine["reservation"]
    assert mine["state"] == "held" and mine["mode"] == "host"
    online = device(bed, "cb0")["blocks_online"]
    reply = bed.demo.write("s10.attach", reservation=name, target={"compute_brick": "cb0"}, wait=level)
    assert reply["reached"] in {"committed": ("committed",), "fabric": ("fabric", "guest"), "guest": ("guest",)}[level]
    if level == "guest":
        assert reply["reservation"]["state"] == "attached" and reply["done"]
        assert device(bed, "cb0")["blocks_online"] == online + 2
    if level != "committed":
        assert entries(bed, "cb0")
    wire.await_event("event.reservation/1", reservation=name, state="attached")
    shown = bed.demo.call("s10.show", reservation=name)["reservation"]
    assert [one["state"] for one in shown["history"]] == ["held", "attaching", "attached"]
    out = bed.demo.write("s10.detach", reservation=name, wait=level)
    assert out["reservation"]["state"] in ("detaching", "held")
    wait_until("detached", lambda: bed.demo.call("s10.show", reservation=name)["reservation"]["state"] == "held")
    assert not entries(bed, "cb0") and device(bed, "cb0")["blocks_online"] == online
    give_back(bed.demo, name)
    wire.await_event("event.reservation/1", reservation=name, state="released")


@pytest.mark.parametrize("level", ["committed", "fabric", "guest"])
def test_mode_vm(bed, wire, held, level):
    vm = GUESTS["wide"][0]
    own = next(one for one in bed.demo.call("s11.vm.list")["vms"] if one["vm"] == vm)["guest_memory_bytes"]
    name = held(brick="cb2", size_bytes=512 * MIB, mode="vm")["reservation"]
    reply = bed.demo.write("s10.attach", reservation=name, target={"vm": vm}, wait=level)
    if level == "guest":
        [attachment] = reply["reservation"]["attachments"]
        assert (attachment["vm"], attachment["have"]) == (vm, "attached")
        assert attachment["guest_memory_bytes"] == own + 512 * MIB
    wire.await_event("event.reservation/1", reservation=name, state="attached")
    seen = next(one for one in bed.demo.call("s11.vm.list")["vms"] if one["vm"] == vm)
    assert (seen["remote_bytes"], seen["n_slots_used"]) == (512 * MIB, 1)
    listed = bed.demo.call("s10.list", vm=vm, live=True)["reservations"]
    assert [one["reservation"] for one in listed] == [name]
    grown = bed.demo.write("s10.resize", reservation=name, size_bytes=512 * MIB + UNIT, wait=level)["reservation"]
    assert (grown["size_bytes"], len(grown["segments"])) == (512 * MIB + UNIT, 2)

    def has_grown():
        shown = bed.demo.call("s10.show", reservation=name)["reservation"]
        return shown["state"] == "attached" and \
            shown["attachments"][0].get("guest_memory_bytes") == own + 512 * MIB + UNIT

    wait_until("grown", has_grown, timeout=20)
    shrunk = bed.demo.write("s10.resize", reservation=name, size_bytes=512 * MIB, wait=level)
    assert shrunk["reservation"]["size_bytes"] == 512 * MIB
    assert shrunk["reached"] == "guest" or level != "guest"
    give_back(bed.demo, name)


def test_mode_device(bed, held):
    online = device(bed, "cb3")["blocks_online"]
    name = held(brick="cb3", mode="device")["reservation"]
    reply = bed.demo.write("s10.attach", reservation=name, target={"compute_brick": "cb3"}, wait="fabric")
    assert reply["reservation"]["state"] == "attached"
    [entry] = entries(bed, "cb3")
    [segment] = reply["reservation"]["segments"]
    assert (entry["memory_brick"], entry["offset_bytes"], entry["size_bytes"]) == (
        segment["memory_brick"], segment["offset_bytes"], UNIT)
    assert entry["path_up"] and device(bed, "cb3")["blocks_online"] == online
    give_back(bed.demo, name)
    assert not entries(bed, "cb3")


@pytest.fixture
def behaviour(bed):
    """How the guest 'wide' behaves; willing again after the test."""
    vm = GUESTS["wide"][0]
    yield lambda how: bed.agent("fake-vm", vm=vm, behaviour=how)
    bed.agent("fake-vm", vm=vm, behaviour="willing")


def test_a_level_that_is_not_reached_in_time(bed, wire, held, behaviour):
    name = held(brick="cb2", mode="vm")["reservation"]
    bed.demo.write("s10.attach", reservation=name, target={"vm": GUESTS["wide"][0]}, wait="guest")
    behaviour("slow")
    refusal = bed.demo.refused("s10.detach", reservation=name, wait="guest", timeout_ms=300)
    assert (refusal.code, refusal.body["reached"], refusal.body["reservation"]) == ("TIMEOUT", "committed", name)
    assert bed.demo.call("s10.show", reservation=name)["reservation"]["state"] == "detaching"
    behaviour("willing")
    wait_until("it goes on", lambda: bed.demo.call("s10.show", reservation=name)["reservation"]["state"] == "held")


def test_a_guest_that_does_not_take_it(bed, held, behaviour):
    """The request is refused and undone: bytes stay reserved, nothing stays wired."""
    name = held(brick="cb2", mode="vm")["reservation"]
    behaviour("deaf")
    refusal = bed.demo.refused("s10.attach", reservation=name, target={"vm": GUESTS["wide"][0]}, wait="guest")
    assert refusal.code == "GUEST_REFUSED" and "wide" in refusal.text
    mine = bed.demo.call("s10.show", reservation=name)["reservation"]
    assert mine["state"] == "held" and mine["windows"] == [] and len(mine["segments"]) == 1


def test_a_switch_that_refuses_is_left_as_it_was(bed, held):
    """What was wanted and taken back before it was done leaves no switch behind its generation."""
    name = held(brick="cb2", mode="device")["reservation"]
    emurack = os.environ["SDM_EMURACK_CONTROL"]
    control(emurack, "fault-arm", device="*", operation="connect", action="refuse", code="IN_USE", count=1)
    try:
        refusal = bed.demo.refused("s10.attach", reservation=name, target={"compute_brick": "cb2"}, wait="fabric")
    finally:
        control(emurack, "fault-clear")
    assert refusal.code == "FABRIC_REFUSED"
    assert bed.demo.call("s10.show", reservation=name)["reservation"]["state"] == "held"
    wait_until("every switch has what it shall have", lambda: bed.query(
        "SELECT id FROM sdm.device WHERE have_generation <> want_generation") == [])


# --- Plans.


def test_a_plan_is_applied_exactly_once(bed):
    plan = bed.demo.call("s10.plan", **request("cb3", 2 * UNIT, mode="device"))
    assert plan["valid_ms"] == PLAN_VALID_MS
    made = bed.demo.write("s10.reserve", plan=plan["plan"])["reservation"]
    extents = [{name: one[name] for name in ("memory_brick", "offset_bytes", "size_bytes", "latency_class")}
               for one in made["segments"]]
    assert extents == plan["segments"]
    assert bed.demo.refused("s10.reserve", plan=plan["plan"]).code == "PLAN_STALE"
    give_back(bed.demo, made["reservation"])


def test_a_plan_expires(bed):
    plan = bed.demo.call("s10.plan", **request("cb3", mode="device"))
    time.sleep(PLAN_VALID_MS / 1000 + 0.1)
    assert bed.demo.refused("s10.reserve", plan=plan["plan"]).code == "PLAN_EXPIRED"


def test_a_plan_of_another_project_is_unknown(bed):
    plan = bed.demo.call("s10.plan", **request("cb3", mode="device"))
    assert bed.other.refused("s10.reserve", plan=plan["plan"]).code == "PLAN_EXPIRED"


def test_a_plan_over_several_bricks_and_a_refusal_that_helps(bed):
    plan = bed.demo.call("s10.plan", **request("cb0", GIB))
    assert {one["memory_brick"] for one in plan["segments"]} == {"mb0", "mb1"}
    with pytest.raises(Refusal) as raised:
        bed.demo.call("s10.plan", **request("cb0", 2 * GIB))
    assert raised.value.code == "NO_CAPACITY" and raised.value.body["stages"]
    nearest = raised.value.body["nearest"]
    assert nearest.get("size_bytes") or nearest.get("latency_class")


# --- Groups, accelerators, batches.


def test_a_group_of_two(bed):
    first = bed.demo.write("s10.group.join", group="weights", compute_brick="cb0", size_bytes=UNIT, wait="fabric")
    name = first["reservation"]["reservation"]
    second = bed.demo.write("s10.group.join", group="weights", compute_brick="cb1", wait="fabric")["reservation"]
    assert second["reservation"] == name and second["group"] == "weights" and len(second["attachments"]) == 2
    (one,), (two,) = entries(bed, "cb0"), entries(bed, "cb1")
    assert one["shared"] and two["shared"]
    assert (one["memory_brick"], one["offset_bytes"]) == (two["memory_brick"], two["offset_bytes"])
    assert bed.demo.call("s10.list", group="weights", live=True)["reservations"][0]["reservation"] == name
    bed.demo.write("s10.group.leave", group="weights", compute_brick="cb0", wait="fabric")
    assert not entries(bed, "cb0") and entries(bed, "cb1")
    left = bed.demo.write("s10.group.leave", group="weights", compute_brick="cb1", wait="fabric")["reservation"]
    assert left["state"] == "released" and not entries(bed, "cb1")


def test_an_accelerator(bed):
    made = bed.demo.write("s10.accelerator.reserve", accelerator_kind="fpga", compute_brick="cb3", wait="fabric")
    made = made["reservation"]
    assert made["accelerator"] == "acc0" and made["paths"][0]["brick"] == "acc0"
    again = bed.other.refused("s10.accelerator.reserve", accelerator_kind="fpga", compute_brick="cb3")
    assert again.code == "NO_CAPACITY"
    gone = bed.demo.write("s10.accelerator.release", reservation=made["reservation"], wait="fabric")["reservation"]
    assert gone["state"] == "released"
    wait_until("unwired", lambda: not device(bed, "el3")["connections"])


def test_a_batch_is_all_or_none(bed, held):
    old = held(brick="cb3", mode="device")["reservation"]
    wanted = {"reserve": {"request": request("cb3", mode="device"), "lease_s": 600}}
    bed.settle()
    before = bed.digest()
    refusal = bed.demo.refused("s10.batch", operations=[
        wanted, {"release": {"reservation": old}}, {"reserve": {"request": request("cb3", 64 * GIB, mode="device")}}])
    assert refusal.code == "TOO_LARGE" and refusal.text.startswith("operations[2]: ")
    assert bed.digest() == before
    reply = bed.demo.write("s10.batch", operations=[
        wanted, {"release": {"reservation": old}},
        {"group_join": {"group": "batched", "compute_brick": "cb3", "size_bytes": UNIT}},
        {"accelerator_reserve": {"accelerator_kind": "fpga", "compute_brick": "cb3"}}])["reservations"]
    assert [one["state"] for one in reply][:2] == ["held", "releasing"]
    assert [one.get("group") for one in reply] == [None, None, "batched", None]
    bed.demo.write("s10.batch", operations=[
        {"release": {"reservation": reply[0]["reservation"]}},
        {"group_leave": {"group": "batched", "compute_brick": "cb3"}},
        {"accelerator_release": {"reservation": reply[3]["reservation"]}}])
    bed.settle()
    for one in reply:
        shown = bed.demo.call("s10.show", reservation=one["reservation"])["reservation"]
        wait_until("released", lambda r=shown["reservation"]: bed.demo.call(
            "s10.show", reservation=r)["reservation"]["state"] == "released")


# --- Keys and leases.


def test_the_same_key_is_the_same_request(bed):
    body = {"key": key(), "request": request("cb3", mode="device")}
    first = bed.demo.call("s10.reserve", **body)
    assert bed.demo.call("s10.reserve", **body) == first
    project = first["reservation"]["project"]
    made = bed.query(f"SELECT count(*) FROM sdm.reservation WHERE project = '{project}' AND state = 'held'")
    assert made == [(1,)]
    with pytest.raises(Refusal) as raised:
        bed.demo.call("s10.reserve", **{**body, "request": request("cb3", 2 * UNIT, mode="device")})
    assert raised.value.code == "KEY_REUSED"
    give_back(bed.demo, first["reservation"]["reservation"])


def test_a_lease_ends_by_itself(bed, wire, held):
    mine = held(lease_s=1)
    wire.await_event("event.reservation/1", reservation=mine["reservation"], state="released")
    shown = bed.demo.call("s10.show", reservation=mine["reservation"])["reservation"]
    assert shown["segments"] == [] and "lease" in shown["history"][1]["text"]


def test_a_lease_is_renewed(bed, held):
    mine = held(lease_s=2)
    renewed = bed.demo.write("s10.renew", reservation=mine["reservation"], lease_s=600)["reservation"]
    assert renewed["lease_end"] > mine["lease_end"]
    time.sleep(2.5)
    assert bed.demo.call("s10.show", reservation=mine["reservation"])["reservation"]["state"] == "held"


# --- S11, and its alias S9.


def test_registration_and_operation(bed, wire):
    shown = bed.admin.call("s11.show", rack="rack1")
    assert {brick["id"] for brick in shown["bricks"]} == {"cb2", "cb3", "mb3", "mb4", "mb5", "acc0"}
    again = {part: bed.rack[part] for part in ("racks", "trays", "bricks", "switches", "links")}
    reply = bed.admin.write("s11.register", topology=again)
    assert reply["n_bricks"] == 0 and reply["n_unchanged"] == sum(map(len, again.values()))
    changed = bed.admin.write("s11.change", brick="mb4", idle_mw=8001)["brick"]
    assert changed["id"] == "mb4"
    off = bed.admin.write("s11.power", brick="mb4", power="off", wait="fabric")
    assert off["brick"]["have_power"] == "off" and device(bed, "mb4")["power"] == "off"
    wire.await_event("event.brick/1", brick="mb4", power="off")
    on = bed.admin.write("s11.power", brick="mb4", power="on", wait="fabric")
    assert on["brick"]["have_power"] == "on" and device(bed, "mb4")["power"] == "on"
    assert len(bed.admin.call("s11.agents")["agents"]) == 4
    assert bed.admin.call("s11.status")["epoch"] == 1
    bed.admin.write("s11.register", topology={
        "racks": [], "trays": [], "switches": [], "links": [],
        "bricks": [{"id": "spare", "kind": "memory", "tray": "tray3", "n_ports": 1, "capacity_bytes": UNIT,
                    "module": 99}]})
    assert bed.admin.write("s11.retire", brick="spare")["brick"]["state"] == "retired"


def test_s9_is_s11(bed):
    sent = bed.admin.send("s11.status", {}, routing_key="s9")
    assert bed.admin.reply(sent)[0] == "s11.status.reply/1"


def test_a_guest_that_goes_gives_its_memory_back(bed, wire, held):
    vm = "44444444-4444-4444-8444-444444444444"
    bed.agent("fake-vm-start", vm=vm, name="short", n_slots=2, memory_bytes=256 * MIB, max_memory_bytes=GIB)
    wire.await_event("event.vm/1", vm=vm, text="appeared")
    bed.admin.write("s11.vm.bind", vm=vm, project="demo")
    name = held(brick="cb2", mode="vm")["reservation"]
    bed.demo.write("s10.attach", reservation=name, target={"vm": vm}, wait="guest")
    bed.agent("fake-vm-stop", vm=vm)
    wire.await_event("event.vm/1", vm=vm, text="vanished")
    wire.await_event("event.reservation/1", reservation=name, state="released")


def test_a_compute_brick_is_fenced_and_returns(bed, wire):
    assert bed.admin.write("s11.fence", brick="cb3", wait="fabric")["brick"]["fence"] == "confirmed"
    wire.await_event("event.brick/1", brick="cb3", state="fenced", power="off")
    assert bed.admin.call("s11.quarantine.list")["segments"] == []
    with pytest.raises(Refusal):
        bed.admin.write("s11.quarantine.release", segment="55555555-5555-4555-8555-555555555555")
    back = bed.admin.write("s11.fence", brick="cb3", undo=True, wait="fabric")
    assert back["done"] and back["brick"]["state"] == "active"


def test_dead_letters_are_shown_and_thrown_away(bed):
    bed.admin.bury("s10.list/1")
    (letter,) = wait_until("a letter", lambda: [
        letter for letter in bed.admin.call("s11.dead.list")["letters"] if letter["code"] == "UNKNOWN"])
    assert bed.admin.call("s11.dead.show", letter=letter["letter"])["body"] == "{}"
    with pytest.raises(Refusal):
        bed.admin.call("s11.dead.requeue", letters=[letter["letter"]])
    assert bed.admin.call("s11.dead.drop", letters=[letter["letter"]])["n"] == 1


def test_a_projects_quota_is_set_and_keeps_it(bed):
    bed.admin.write("s11.project.set", project="frugal", max_bytes=UNIT, max_reservations=1)
    found = bed.admin.call("s11.project.show", project="frugal")["projects"][0]
    assert (found["max_bytes"], found["max_reservations"], found["used_bytes"]) == (UNIT, 1, 0)
    assert "frugal" in [project["project"] for project in bed.admin.call("s11.project.list")["projects"]]
    bed.admin.write("s11.project.set", project="frugal", unlimited=True)
    assert "max_bytes" not in bed.admin.call("s11.project.show", project="frugal")["projects"][0]


def test_events_reach_who_binds_to_them(bed, held):
    """The broker's tracing is not what a client has: an own queue, bound to a project's reservations."""
    listener = bed.client("demo")
    channel = listener._channel
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, "sdm.events", "event.reservation.demo")
    seen = []
    channel.basic_consume(queue, lambda _c, _m, properties, _b: seen.append(properties.type), auto_ack=True)
    held()
    wait_until("an event", lambda: listener._connection.process_data_events(0.05) or seen)
    assert seen == ["event.reservation/1"]
