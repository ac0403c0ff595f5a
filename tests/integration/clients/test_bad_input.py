"""Bad input: each is refused with its code and a text that says what was wanted and what was found; neither a row nor
the hardware changes."""

import copy
import os
import re
import signal
import time
import types
import uuid

import pytest

from bed import GIB, GUESTS, MIB, PLAN_VALID_MS, UNIT, key, request
from testbed_view import wait_until

NOBODY = "99999999-9999-4999-8999-999999999999"

# What the schema refuses by itself, too.
BY_SCHEMA = {"MALFORMED", "WRONG_TYPE", "UNKNOWN_MEMBER", "MISSING_MEMBER", "OUT_OF_RANGE", "INVALID_VALUE",
             "UNKNOWN_MESSAGE"}


@pytest.fixture(scope="module")
def state(bed):
    """Reservations in all states that the table needs, each of 128 MiB unless it says more."""
    made = []

    def reserve(client, brick, size_bytes=UNIT, mode="device", lease_s=3600):
        body = {"key": key(), "lease_s": lease_s, "request": request(brick, size_bytes, mode=mode)}
        name = client.call("s10.reserve", **body)["reservation"]["reservation"]
        made.append((client, name))
        return name, body

    found = types.SimpleNamespace()
    found.expired_plan = bed.demo.call("s10.plan", **request("cb3", mode="device"))["plan"]
    found.expired, _ = reserve(bed.demo, "cb3", lease_s=1)
    found.held, found.used = reserve(bed.demo, "cb3")
    found.foreign, _ = reserve(bed.other, "cb3")
    found.released, _ = reserve(bed.demo, "cb3")
    bed.demo.write("s10.release", reservation=found.released, wait="fabric")
    found.split, _ = reserve(bed.demo, "cb0", GIB, "host")
    bed.demo.write("s10.attach", reservation=found.split, target={"compute_brick": "cb0"}, wait="guest")
    found.vm, _ = reserve(bed.demo, "cb2", mode="vm")
    found.slot_taker, _ = reserve(bed.demo, "cb2", mode="vm")
    bed.demo.write("s10.attach", reservation=found.slot_taker, target={"vm": GUESTS["narrow"][0]}, wait="guest")
    wait_until("the lease has ended", lambda: bed.demo.call(
        "s10.show", reservation=found.expired)["reservation"]["state"] == "released")
    time.sleep(PLAN_VALID_MS / 1000)
    yield found
    for client, name in made:
        if client.call("s10.show", reservation=name)["reservation"]["state"] != "released":
            client.write("s10.release", reservation=name, wait="fabric")


def reserve_body(**members):
    return {"request": request("cb3", mode="device") | members}


def without(body, member):
    return {name: value for name, value in body.items() if name != member}


def raw(text):
    return lambda s: text.encode()


# label, who asks, message, body by state (bytes are sent as they are; a key is added where there is none), code, text
TABLE = [
    # Not what the schema says.
    ("not JSON", "demo", "s10.reserve", raw("{size: 4"), "MALFORMED", r"byte 1: want a member"),
    ("a list", "demo", "s10.reserve", raw("[]"), "MALFORMED", r"object.*list"),
    ("wrong type", "demo", "s10.reserve", lambda s: reserve_body(size_bytes="1 GiB"), "WRONG_TYPE",
     r"request\.size_bytes: want integer, found string"),
    ("wrong type of a member", "demo", "s10.show", lambda s: {"reservation": 7}, "WRONG_TYPE",
     r"reservation: want string, found integer"),
    ("unknown member", "demo", "s10.reserve", lambda s: reserve_body(sise=1), "UNKNOWN_MEMBER", r"request.*sise"),
    ("missing member", "demo", "s10.reserve", lambda s: {"request": without(request("cb3"), "size_bytes")},
     "MISSING_MEMBER", r"request.*size_bytes"),
    ("neither plan nor request", "demo", "s10.reserve", lambda s: {}, "MISSING_MEMBER",
     r"want 'plan' or 'request', found neither"),
    ("size 0", "demo", "s10.reserve", lambda s: reserve_body(size_bytes=0), "OUT_OF_RANGE",
     r"request\.size_bytes: want 1 to \d+, found 0"),
    ("size 2^63", "demo", "s10.reserve", lambda s: reserve_body(size_bytes=1 << 63), "OUT_OF_RANGE",
     r"want an integer of 64 bits, found 9223372036854775808"),
    ("size 2^62", "demo", "s10.reserve", lambda s: reserve_body(size_bytes=1 << 62), "OUT_OF_RANGE",
     r"request\.size_bytes: want 1 to \d+, found 4611686018427387904"),
    ("negative size", "demo", "s10.resize", lambda s: {"reservation": s.held, "size_bytes": -1}, "OUT_OF_RANGE",
     r"size_bytes: want 1 to \d+, found -1"),
    ("unknown latency class", "demo", "s10.reserve", lambda s: reserve_body(latency_class="galaxy"), "INVALID_VALUE",
     r"latency_class: want .*tray.*, found 'galaxy'"),
    ("unknown mode", "demo", "s10.plan", lambda s: request("cb0", mode="disk"), "INVALID_VALUE",
     r"mode: want .*host.*, found 'disk'"),
    ("unknown wait level", "demo", "s10.release", lambda s: {"reservation": s.held, "wait": "for ever"},
     "INVALID_VALUE", r"wait: want .*fabric.*, found 'for ever'"),
    ("no UUID", "demo", "s10.release", lambda s: {"reservation": "mine"}, "INVALID_VALUE", r"reservation: .*'mine'"),
    ("unknown message", "demo", "s10.borrow", lambda s: {}, "UNKNOWN_MESSAGE", r"'s10\.borrow/1'"),
    # Sizes.
    ("not a multiple of the segment unit", "demo", "s10.reserve", lambda s: reserve_body(size_bytes=UNIT + 1),
     "NOT_ALIGNED", rf"{UNIT + 1} bytes.*unit of {UNIT}"),
    ("larger than the rack", "demo", "s10.reserve", lambda s: reserve_body(size_bytes=64 * GIB), "TOO_LARGE",
     rf"need {64 * GIB} bytes, all memory bricks together have \d+"),
    ("more than is free", "demo", "s10.reserve", lambda s: reserve_body(size_bytes=GIB + UNIT), "NO_CAPACITY",
     rf"need {GIB + UNIT} bytes.*\d+"),
    # Bricks.
    ("unknown brick", "demo", "s10.plan", lambda s: request("cb9"), "NOT_FOUND", r"no brick 'cb9'"),
    ("unknown brick of a group", "demo", "s10.group.join", lambda s: {
        "group": "g", "compute_brick": "cb9", "size_bytes": UNIT}, "NOT_FOUND", r"no brick 'cb9'"),
    ("memory brick for a compute brick", "demo", "s10.reserve", lambda s: {"request": request("mb0")}, "WRONG_KIND",
     r"need a compute brick, 'mb0' is memory"),
    ("switch for a brick", "admin", "s11.power", lambda s: {"brick": "el0", "power": "off"}, "WRONG_KIND",
     r"'el0' is a switch"),
    ("capacity of a compute brick", "admin", "s11.change", lambda s: {"brick": "cb0", "capacity_bytes": UNIT},
     "WRONG_KIND", r"'cb0' is no memory brick"),
    ("memory released as an accelerator", "demo", "s10.accelerator.release", lambda s: {"reservation": s.held},
     "WRONG_KIND", r"accelerator"),
    ("unknown brick retired", "admin", "s11.retire", lambda s: {"brick": "mb9"}, "NOT_FOUND", r"no brick 'mb9'"),
    ("used brick retired", "admin", "s11.retire", lambda s: {"brick": "mb0"}, "IN_USE", r"'mb0' holds \d+ bytes"),
    ("used brick switched off", "admin", "s11.power", lambda s: {"brick": "mb0", "power": "off"}, "IN_USE",
     r"'mb0' holds \d+ bytes"),
    # Modes.
    ("mode vm to a compute brick", "demo", "s10.attach", lambda s: {
        "reservation": s.vm, "target": {"compute_brick": "cb2"}}, "WRONG_MODE",
     r"mode vm is attached to a virtual machine, found a compute brick"),
    ("mode device to a guest", "demo", "s10.attach", lambda s: {
        "reservation": s.held, "target": {"vm": GUESTS["wide"][0]}}, "WRONG_MODE",
     r"mode device is attached to a compute brick, found a virtual machine"),
    ("another compute brick than planned", "demo", "s10.attach", lambda s: {
        "reservation": s.held, "target": {"compute_brick": "cb0"}}, "INVALID_VALUE", r"'cb3', found 'cb0'"),
    # Whose.
    ("another project's reservation shown", "demo", "s10.show", lambda s: {"reservation": s.foreign}, "NOT_FOUND",
     r"no reservation '[0-9a-f-]+'"),
    *((f"another project's reservation: {message}", "demo", message,
       lambda s, more=more: {"reservation": s.foreign, **more}, "NOT_FOUND", r"no reservation '[0-9a-f-]+'")
      for message, more in [("s10.release", {}), ("s10.detach", {}), ("s10.renew", {"lease_s": 60}),
                            ("s10.resize", {"size_bytes": 2 * UNIT}),
                            ("s10.attach", {"target": {"compute_brick": "cb3"}})]),
    ("another project's guest", "demo", "s10.attach", lambda s: {
        "reservation": s.vm, "target": {"vm": GUESTS["foreign"][0]}}, "NOT_FOUND", GUESTS["foreign"][0]),
    ("unknown guest", "demo", "s10.attach", lambda s: {"reservation": s.vm, "target": {"vm": NOBODY}}, "NOT_FOUND",
     f"no virtual machine '{NOBODY}'"),
    ("unknown guest bound", "admin", "s11.vm.bind", lambda s: {"vm": NOBODY, "project": "demo"}, "NOT_FOUND",
     f"no virtual machine '{NOBODY}'"),
    ("unknown reservation", "demo", "s10.release", lambda s: {"reservation": NOBODY}, "NOT_FOUND", NOBODY),
    ("for another project", "demo", "s10.reserve", lambda s: reserve_body() | {"project": "other"}, "FORBIDDEN",
     r"want project 'other', the token is of 'demo'"),
    ("registration by a member", "demo", "s11.retire", lambda s: {"brick": "mb5"}, "FORBIDDEN",
     r"needs role admin, 'demo' is member"),
    # States.
    ("no DIMM slot left", "demo", "s10.attach", lambda s: {
        "reservation": s.vm, "target": {"vm": GUESTS["narrow"][0]}}, "NO_SLOT", r"need 1 DIMM slots.*has 0 of 1 left"),
    ("expired lease renewed", "demo", "s10.renew", lambda s: {"reservation": s.expired, "lease_s": 60},
     "LEASE_EXPIRED", r"the lease of '[0-9a-f-]+' ended at \d{4}-"),
    *((f"expired lease: {message}", "demo", message, lambda s, more=more: {"reservation": s.expired, **more},
       "LEASE_EXPIRED", r"the lease of '[0-9a-f-]+' ended at \d{4}-.*, it is released")
      for message, more in [("s10.attach", {"target": {"compute_brick": "cb3"}}), ("s10.detach", {}),
                            ("s10.resize", {"size_bytes": 2 * UNIT}), ("s10.release", {})]),
    ("released, then renewed", "demo", "s10.renew", lambda s: {"reservation": s.released, "lease_s": 60},
     "WRONG_STATE", r"is released"),
    ("expired plan applied", "demo", "s10.reserve", lambda s: {"plan": s.expired_plan}, "PLAN_EXPIRED",
     r"plan '[0-9a-f-]+'"),
    ("unknown plan applied", "demo", "s10.reserve", lambda s: {"plan": NOBODY}, "PLAN_EXPIRED", NOBODY),
    ("release twice", "demo", "s10.release", lambda s: {"reservation": s.released}, "WRONG_STATE",
     r"is released already"),
    ("resize below what can be given", "demo", "s10.resize", lambda s: {"reservation": s.split, "size_bytes": UNIT},
     "UNREACHABLE_SIZE", rf"want {UNIT} bytes, the smallest .* is \d+; release"),
    ("resize to a size between segments", "demo", "s10.resize", lambda s: {
        "reservation": s.split, "size_bytes": GIB - UNIT}, "UNREACHABLE_SIZE",
     rf"want {GIB - UNIT} bytes, whole segments of .* make \d+ or {GIB}"),
    ("resize to no multiple of the unit", "demo", "s10.resize", lambda s: {
        "reservation": s.split, "size_bytes": GIB + MIB}, "NOT_ALIGNED", rf"multiple of {UNIT} bytes, found {GIB + MIB}"),
    ("resize of what is released", "demo", "s10.resize", lambda s: {"reservation": s.released, "size_bytes": UNIT},
     "WRONG_STATE", r"held or attached, '[0-9a-f-]+' is released"),
    ("detach of what is not attached", "demo", "s10.detach", lambda s: {"reservation": s.held}, "WRONG_STATE",
     r"need a reservation that is attached, '[0-9a-f-]+' is held"),
    ("attach twice", "demo", "s10.attach", lambda s: {"reservation": s.split, "target": {"compute_brick": "cb0"}},
     "WRONG_STATE", r"need a reservation that is held, '[0-9a-f-]+' is attached"),
    ("leave of no group", "demo", "s10.group.leave", lambda s: {"group": "none", "compute_brick": "cb0"},
     "NOT_FOUND", r"no member 'cb0' of a group 'none'"),
    ("the same key with another body", "demo", "s10.reserve", lambda s: {
        **s.used, "request": request("cb3", 2 * UNIT, mode="device")}, "KEY_REUSED", r"key '[0-9a-f-]+' was used"),
    ("the same key with another message", "demo", "s10.release", lambda s: {
        "key": s.used["key"], "reservation": s.held}, "KEY_REUSED", r"key '[0-9a-f-]+' was used"),
    ("a brick that shrinks below its segments", "admin", "s11.change", lambda s: {
        "brick": "mb0", "capacity_bytes": 4 * UNIT}, "IN_USE", r"'mb0'.*\d+"),
]
READS = ("s10.plan", "s10.show", "s10.list", "s10.borrow")
SEMANTIC = {"neither plan nor request", "another compute brick than planned"}


@pytest.mark.parametrize("label,who,message,make,code,text", TABLE, ids=[row[0] for row in TABLE])
def test_bad_request(bed, wire, state, label, who, message, make, code, text):
    body = make(state)
    is_raw = isinstance(body, bytes)
    if not is_raw and message not in READS:
        body = {"key": key()} | body
    refusal, sent = refused_unchanged(bed, who, message, body)
    assert refusal["code"] == code, refusal
    assert_text(refusal, text)
    wire.catch_up(bed.admin)
    why = wire.bad_request(sent)
    assert (why is not None) == (code in BY_SCHEMA and label not in SEMANTIC), why


def refused_unchanged(bed, who, message, body):
    bed.settle()
    before = bed.digest()
    sent = getattr(bed, who).refusal(message, body, raw=body if isinstance(body, bytes) else None)
    bed.settle()
    assert differences(before, bed.digest()) == []
    return sent


def differences(before, after, where=""):
    """What changed, as texts: where, from, to."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [text for name in sorted(before.keys() | after.keys())
                for text in differences(before.get(name), after.get(name), f"{where}/{name}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [text for i, pair in enumerate(zip(before, after)) for text in differences(*pair, f"{where}/{i}")]
    return [] if before == after else [f"{where}: {before} -> {after}"]


def assert_text(refusal, pattern):
    assert re.search(pattern, refusal["text"]), refusal["text"]
    assert "\n" not in refusal["text"]


# --- Rack files.


def topology():
    """A tray that could be added: a compute brick and a memory brick at a switch."""
    return {
        "racks": [], "trays": [{"id": "newtray", "rack": "rack1"}],
        "bricks": [{"id": "newcb", "kind": "compute", "tray": "newtray", "n_ports": 2},
                   {"id": "newmb", "kind": "memory", "tray": "newtray", "n_ports": 2, "capacity_bytes": GIB,
                    "module": 77}],
        "switches": [{"id": "newel", "kind": "electrical", "tray": "newtray", "n_ports": 8}],
        "links": [cable("newcb", 0, "newel", 0), cable("newmb", 0, "newel", 1)],
    }


def cable(a, a_port, b, b_port):
    return {"a": {"device": a, "port": a_port}, "b": {"device": b, "port": b_port}, "bandwidth_mbps": 10000}


def linked_twice(rack):
    rack["links"].append(cable("newcb", 0, "newel", 5))


def linked_to_a_port_that_is_taken(rack):
    rack["links"].append(cable("newcb", 1, "el3", 0))


def linked_to_nowhere(rack):
    rack["links"].append(cable("newcb", 1, "nowhere", 0))


def linked_to_no_port(rack):
    rack["links"].append(cable("newcb", 1, "newel", 8))


def two_of_one_id(rack):
    rack["bricks"].append({**rack["bricks"][0], "n_ports": 4})


def two_equal_of_one_id(rack):
    rack["bricks"].append(copy.deepcopy(rack["bricks"][0]))


def brick_with_the_id_of_a_switch(rack):
    rack["bricks"][0]["id"] = "newel"
    rack["links"] = rack["links"][1:]


def brick_that_exists_and_differs(rack):
    rack["bricks"][0]["id"] = "cb0"
    rack["links"] = rack["links"][1:]


def shrinks_below_its_segments(rack):
    rack.update(trays=[], switches=[], links=[], bricks=[
        {"id": "mb0", "kind": "memory", "tray": "tray0", "n_ports": 2, "capacity_bytes": 4 * UNIT, "module": 1,
         "idle_mw": 8000, "active_mw": 15000, "wake_ms": 200, "power": "on"}])


RACKS = [
    (linked_twice, "INVALID_TOPOLOGY", r"port 0 of 'newcb' is linked twice"),
    (linked_to_a_port_that_is_taken, "INVALID_TOPOLOGY", r"port 0 of 'el3' is linked twice"),
    (linked_to_nowhere, "INVALID_TOPOLOGY", r"'nowhere', which does not exist"),
    (linked_to_no_port, "INVALID_TOPOLOGY", r"port 8 of 'newel', which has ports 0 to 7"),
    (two_of_one_id, "INVALID_TOPOLOGY", r"'newcb'"),
    (two_equal_of_one_id, "INVALID_TOPOLOGY", r"'newcb'"),
    (brick_with_the_id_of_a_switch, "INVALID_TOPOLOGY", r"'newel'"),
    (brick_that_exists_and_differs, "ALREADY_EXISTS", r"'cb0' exists and differs"),
    (shrinks_below_its_segments, "IN_USE", rf"'mb0' would shrink to {4 * UNIT} bytes, its segments reach up to \d+"),
]


@pytest.mark.parametrize("spoil,code,text", RACKS, ids=[row[0].__name__ for row in RACKS])
def test_bad_rack(bed, state, spoil, code, text):
    rack = topology()
    spoil(rack)
    refusal, _sent = refused_unchanged(bed, "admin", "s11.register", {"key": key(), "topology": rack})
    assert refusal["code"] == code, refusal
    assert_text(refusal, text)


# --- Agents.


@pytest.fixture
def silent_agent(bed):
    """The agent of cb1 is paused: its own reports would say that what the test reports is gone."""
    pid = bed.agent_pid("cb1")
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)


@pytest.mark.usefixtures("silent_agent")
def test_a_segment_that_was_never_given(bed, wire, state):
    """Told of once each time that it appears, however often it is reported."""
    bed.settle()
    [[boot_id, version, generation]] = bed.query(
        "SELECT boot_id, agent_version, have_generation FROM sdm.device WHERE id = 'cb1'")
    before = bed.digest()
    windows = [str(uuid.uuid4()), str(uuid.uuid4())]

    def report(*windows):
        bed.report_as("cb1", {
            "brick": "cb1", "boot_id": boot_id, "version": version, "epoch": 1, "generation": int(generation),
            "converged": True, "vms": [], "windows": [
                {"window": window, "entry": 9 + entry, "start_bytes": (8 + entry) * GIB, "size_bytes": UNIT,
                 "have": "attached"} for entry, window in enumerate(windows)]})

    report(windows[0])
    drift = wire.await_event("event.drift/1", device="cb1")
    assert drift["action"] == "reported"
    assert drift["text"] == f"UNKNOWN_SEGMENT: window '{windows[0]}' in NetPort entry 9 was never handed out"
    report(windows[0])
    report(*windows)
    report(*windows)
    report()
    report(windows[0])
    expected = [windows[0], windows[1], windows[0]]

    def told():
        return [body["text"].split("'")[1] for kind, body in wire.events
                if kind == "event.drift/1" and body["device"] == "cb1"]

    wait_until("all is told", lambda: len(told()) >= len(expected))
    bed.settle()
    wire.catch_up(bed.admin)
    assert told() == expected
    bed.settle()
    assert differences(before, bed.digest()) == []


def test_an_agent_speaks_for_its_own_brick_only(bed, wire, state):
    bed.settle()
    before = bed.digest()
    bed.report_as("cb1", {
        "brick": "cb0", "boot_id": "another", "version": "9", "epoch": 1, "generation": 0, "converged": True,
        "vms": [], "windows": []})
    wire.catch_up(bed.admin)
    bed.settle()
    assert differences(before, bed.digest()) == []
