"""S11: what is registered, changed, retired, switched and shown."""

import copy
import json

import pytest

from harness import GIB, MIB, eventually, key, plan_request, small_topology


def brick(shown, name):
    return next(b for b in shown["bricks"] if b["id"] == name)


def test_register_shows_what_was_registered(client, rack):
    shown = client().ok("s11.show/1", {"rack": rack["r"]})
    assert [t["id"] for t in shown["trays"]] == [rack["t"]]
    assert sorted(b["id"] for b in shown["bricks"]) == sorted([rack["c"], rack["m1"], rack["m2"]])
    assert brick(shown, rack["m1"])["capacity_bytes"] == 4 * GIB
    assert brick(shown, rack["c"])["connected"] is False
    assert [s["id"] for s in shown["switches"]] == [rack["s"]]
    assert len(shown["links"]) == 4
    assert shown["segment_unit_bytes"] == 128 * MIB
    assert rack["r"] in [r["id"] for r in client().ok("s11.show/1", {})["racks"]]


def test_registering_again_changes_nothing_and_more_adds(client):
    admin = client()
    names, topology = small_topology("again")
    first = admin.ok("s11.register/1", {"key": key(), "topology": topology})
    assert (first["n_bricks"], first["n_links"], first["n_unchanged"]) == (3, 4, 0)
    again = admin.ok("s11.register/1", {"key": key(), "topology": topology})
    assert (again["n_bricks"], again["n_links"], again["n_unchanged"]) == (0, 0, 10)
    more = {"racks": [], "trays": [], "switches": [], "links": [],
            "bricks": [{"id": "again-c2", "kind": "compute", "tray": names["t"], "n_ports": 1}]}
    assert admin.ok("s11.register/1", {"key": key(), "topology": more})["n_bricks"] == 1
    assert admin.depth("sdm.agent.again-c2") == 0


def linked_twice(topology):
    topology["links"].append(copy.deepcopy(topology["links"][0]))
    topology["links"][-1]["b"]["port"] = 7


def linked_to_nowhere(topology):
    topology["links"][0]["a"]["device"] = "nobody"


def linked_past_the_ports(topology):
    topology["links"][0]["a"]["port"] = 99


def two_of_one_id(topology):
    topology["bricks"].append(copy.deepcopy(topology["bricks"][0]))


def unknown_tray(topology):
    topology["bricks"][0]["tray"] = "nowhere"


def no_capacity(topology):
    del topology["bricks"][1]["capacity_bytes"]


def capacity_of_a_compute_brick(topology):
    topology["bricks"][0]["capacity_bytes"] = GIB


def odd_capacity(topology):
    topology["bricks"][1]["capacity_bytes"] = GIB + 1


def one_module_twice(topology):
    topology["bricks"][2]["module"] = topology["bricks"][1]["module"]


@pytest.mark.parametrize("spoil", [
    linked_twice, linked_to_nowhere, linked_past_the_ports, two_of_one_id, unknown_tray, no_capacity,
    capacity_of_a_compute_brick, odd_capacity, one_module_twice,
], ids=lambda spoil: spoil.__name__)
def test_invalid_topologies_change_nothing(bed, controller, client, spoil):
    _, topology = small_topology("bad")
    spoil(topology)
    refusal = client().refused("s11.register/1", {"key": key(), "topology": topology})
    assert refusal["code"] == "INVALID_TOPOLOGY"
    assert len(refusal["text"]) > 10
    found = bed.psql(controller.database, "SELECT count(*) FROM sdm.device WHERE id LIKE 'bad-%'")
    assert found == "0"


def test_what_exists_and_differs_is_refused(client):
    admin = client()
    names, topology = small_topology("differs")
    admin.ok("s11.register/1", {"key": key(), "topology": topology})
    topology["bricks"][1]["wake_ms"] = 5
    refusal = admin.refused("s11.register/1", {"key": key(), "topology": topology})
    assert refusal["code"] == "ALREADY_EXISTS" and names["m1"] in refusal["text"]
    refusal = admin.refused("s11.register/1", {"key": key(), "topology": {
        "racks": [], "trays": [], "bricks": [], "switches": [], "links": []},
        "segment_unit_bytes": 256 * MIB})
    assert refusal["code"] == "ALREADY_EXISTS"


def test_a_brick_does_not_shrink_below_its_segments(client, rack):
    admin, alice = client(), client("alice")
    held = alice.ok("s10.reserve/1", {"key": key(), "request": plan_request(rack["c"], 2 * GIB)})
    used = held["reservation"]["segments"][0]["memory_brick"]
    refusal = admin.refused("s11.change/1",
                            {"key": key(), "brick": used, "capacity_bytes": GIB})
    assert refusal["code"] == "IN_USE"
    changed = admin.ok("s11.change/1", {"key": key(), "brick": used, "capacity_bytes": 3 * GIB})
    assert changed["brick"]["capacity_bytes"] == 3 * GIB
    assert changed["brick"]["live_bytes"] == 2 * GIB
    changed = admin.ok("s11.change/1", {"key": key(), "brick": used, "capacity_bytes": 8 * GIB})
    assert changed["brick"]["capacity_bytes"] == 8 * GIB
    for body, code in [
        ({"brick": "nobody"}, "NOT_FOUND"),
        ({"brick": rack["s"]}, "WRONG_KIND"),
        ({"brick": rack["c"], "capacity_bytes": GIB}, "WRONG_KIND"),
        ({"brick": used, "capacity_bytes": 3 * GIB + 1}, "INVALID_TOPOLOGY"),
    ]:
        assert admin.refused("s11.change/1", {"key": key(), **body})["code"] == code, body


def test_a_rack_file_that_shrinks_a_used_brick(client):
    admin, alice = client(), client("alice")
    names, topology = small_topology("shrinks")
    admin.ok("s11.register/1", {"key": key(), "topology": topology})
    held = alice.ok("s10.reserve/1", {"key": key(), "request": plan_request(names["c"], 2 * GIB)})
    used = held["reservation"]["segments"][0]["memory_brick"]
    next(b for b in topology["bricks"] if b["id"] == used)["capacity_bytes"] = GIB
    refusal = admin.refused("s11.register/1", {"key": key(), "topology": topology})
    assert refusal["code"] == "IN_USE" and used in refusal["text"]


def test_what_is_used_is_neither_retired_nor_switched_off(client, rack):
    admin, alice = client(), client("alice")
    held = alice.ok("s10.reserve/1", {"key": key(), "request": plan_request(rack["c"])})
    used = held["reservation"]["segments"][0]["memory_brick"]
    free = rack["m2"] if used == rack["m1"] else rack["m1"]
    for type_, body in [("s11.retire/1", {}), ("s11.power/1", {"power": "off"})]:
        refusal = admin.refused(type_, {"key": key(), "brick": used, **body})
        assert refusal["code"] == "IN_USE", type_
    retired = admin.ok("s11.retire/1", {"key": key(), "brick": free})
    assert retired["brick"]["state"] == "retired"
    assert admin.ok("s11.retire/1", {"key": key(), "brick": free})["brick"]["state"] == "retired"
    assert admin.refused("s11.power/1", {"key": key(), "brick": free, "power": "off"})["code"] == \
        "WRONG_STATE"
    refusal = alice.refused("s10.plan/1", plan_request(rack["c"], 4 * GIB))
    assert refusal["code"] == "NO_CAPACITY"


def test_power_that_nobody_confirms_times_out_and_goes_on(client, rack):
    admin = client()
    off = admin.ok("s11.power/1", {"key": key(), "brick": rack["m2"], "power": "off"})
    assert off["done"] is False and off["brick"]["want_power"] == "off"
    refusal = admin.refused("s11.power/1", {"key": key(), "brick": rack["m1"], "power": "off",
                                            "wait": "fabric", "timeout_ms": 300})
    assert refusal["code"] == "TIMEOUT" and refusal["reached"] == "committed"
    assert brick(admin.ok("s11.show/1", {"rack": rack["r"]}), rack["m1"])["want_power"] == "off"


def test_virtual_machines_belong_to_projects(bed, controller, client, rack):
    admin, alice, bob = client(), client("alice"), client("bob")
    vm = "0d7c6e5e-3f0e-4c46-9c5b-0a1b2c3d4e5f"
    assert admin.refused("s11.vm.bind/1", {"key": key(), "vm": vm, "project": "demo"})["code"] == \
        "NOT_FOUND"
    bed.psql(controller.database, f"""
        INSERT INTO sdm.vm (vm, compute_no, name, boot_id, n_slots, n_slots_used, max_memory_bytes,
                            memory_bytes, guest_memory_bytes)
        SELECT '{vm}', device_no, 'guest', 'boot', 4, 0, 1, 1, 1 FROM sdm.device
        WHERE id = '{rack["c"]}'""")
    assert alice.ok("s11.vm.list/1", {})["vms"] == []
    bound = admin.ok("s11.vm.bind/1", {"key": key(), "vm": vm, "project": "demo"})
    assert bound["vm"]["project"] == "demo"
    assert [v["vm"] for v in alice.ok("s11.vm.list/1", {})["vms"]] == [vm]
    assert bob.ok("s11.vm.list/1", {})["vms"] == []


def test_agents_and_status(client, rack):
    admin = client()
    names, after = [], None
    while True:
        page = admin.ok("s11.agents/1", {"page_size": 2, **({"after": after} if after else {})})
        names += [a["compute_brick"] for a in page["agents"]]
        after = page.get("next")
        if after is None:
            break
    assert names == sorted(names) and rack["c"] in names
    status = admin.ok("s11.status/1", {})
    assert status["epoch"] == 1 and status["leader"] == "c1"


def test_events_of_bricks(client):
    listener = client()
    seen = []
    queue = listener.channel.queue_declare("", exclusive=True).method.queue
    listener.channel.queue_bind(queue, "sdm.events", "event.brick.#")

    def on_event(_channel, _method, properties, body):
        event = json.loads(body)
        listener.schemas.check(properties.type, event)
        seen.append((event["brick"], event["text"]))

    listener.channel.basic_consume(queue, on_event, auto_ack=True)
    names, topology = small_topology("events")
    listener.ok("s11.register/1", {"key": key(), "topology": topology})

    def all_there():
        listener.connection.process_data_events(0.05)
        return {(names[n], "registered") for n in ("c", "m1", "m2")} <= set(seen)

    eventually(all_there, what="three events")


def test_events_that_the_broker_refuses_are_sent_again(client):
    """A queue with room for one message refuses the others, as a broker does that stops: none of them is lost."""
    listener = client()
    queue = listener.channel.queue_declare("", exclusive=True,
                                           arguments={"x-max-length": 1, "x-overflow": "reject-publish"}).method.queue
    listener.channel.queue_bind(queue, "sdm.events", "event.brick.#")
    names, topology = small_topology("refused")
    listener.ok("s11.register/1", {"key": key(), "topology": topology})
    eventually(lambda: listener.depth(queue) == 1, what="a full queue")
    seen = set()

    def all_there():
        _method, _properties, body = listener.channel.basic_get(queue, auto_ack=True)
        if body is not None:
            event = json.loads(body)
            seen.add((event["brick"], event["text"]))
        return {(names[n], "registered") for n in ("c", "m1", "m2")} <= seen

    eventually(all_there, what="three events, one after the other")
