"""Memory bricks and switches that die and come back: who has a part in them is told, nothing new is planned there."""

import pytest
from bed import live_rows, query, wait_until
from dead_bed import SIZE, Rack, nobody_owns_twice
from events import Events
from sdm_client import Refusal


@pytest.fixture
def rack(bed):
    made = Rack(bed)
    yield made
    made.heal()
    wait_until("everything answers", lambda: query("SELECT count(*) FROM sdm.device WHERE state = 'lost'") == [["0"]], 20)
    bed.release_over()
    wait_until("nothing is left", lambda: not live_rows() and not bed.hardware.left_over(), 20)
    nobody_owns_twice(bed)


@pytest.fixture
def events():
    listening = Events()
    yield listening
    listening.close()


def is_lost(device):
    return query(f"SELECT state FROM sdm.device WHERE id = '{device}'") == [["lost"]]


def show(bed, reservation):
    return bed.demo.call("s10.show", reservation=reservation["reservation"])["reservation"]


@pytest.mark.parametrize("kind", ["memory brick", "switch"])
def test_who_has_a_part_in_it_is_degraded_until_it_answers(bed, rack, events, kind):
    hit = rack.attach("cb0")
    spared = rack.attach("cb2")
    device = hit["segments"][0]["memory_brick"] if kind == "memory brick" else "el0"
    rack.die(device=device)
    wait_until(f"{device} is lost", lambda: is_lost(device), 30)
    assert show(bed, hit)["health"] == "degraded"
    assert "health" not in show(bed, spared)
    listed = {row["reservation"]: row.get("health") for row in bed.demo.call("s10.list", live=True)["reservations"]}
    assert (listed[hit["reservation"]], listed[spared["reservation"]]) == ("degraded", None)
    drift = events.wait("event.drift/1", lambda e: e["device"] == device and e["kind"] == "device-lost")
    assert hit["reservation"] in drift["text"] and spared["reservation"] not in drift["text"]
    assert events.wait("event.reservation/1", lambda e: e["reservation"] == hit["reservation"] and e.get("health") == "degraded")
    # It keeps what it has, and nobody gets anything new there.
    assert show(bed, hit)["state"] == "attached"
    if kind == "switch":
        with pytest.raises(Refusal):
            rack.reserve("cb0", latency_class="inter-rack")
    else:
        taken = rack.reserve("cb0", 4 * SIZE, latency_class="inter-rack")
        assert device not in {segment["memory_brick"] for segment in taken["segments"]}
    rack.revive(device=device)
    wait_until(f"{device} is back", lambda: not is_lost(device), 20)
    events.wait("event.drift/1", lambda e: e["device"] == device and e["kind"] == "device-back")
    assert "health" not in show(bed, hit)
    assert rack.reserve("cb0")["state"] == "held"


def test_a_scrub_waits_for_its_brick(bed, rack):
    hit = rack.attach("cb0")
    brick = hit["segments"][0]["memory_brick"]
    rack.fault_arm(device=brick, operation="scrub", action="silence", count=0)
    bed.demo.write("s10.release", reservation=hit["reservation"])
    rack.wait_state(hit["reservation"], "releasing")
    rack.die(device=brick)
    wait_until("it is lost", lambda: is_lost(brick), 30)
    assert rack.state(hit["reservation"]) == "releasing"
    rack.fault_clear()
    rack.revive(device=brick)
    rack.wait_state(hit["reservation"], "released", 30)


def test_what_a_switch_lost_is_made_again(bed, rack, events):
    rack.attach("cb0")
    crossing = rack.device("el0")["connections"][0]
    rack.die(device="el0")
    wait_until("it is lost", lambda: is_lost("el0"), 30)
    bed.restart("controller-1")
    assert is_lost("el0"), "a new leader knows it too"
    rack.revive(device="el0")
    wait_until("it is back", lambda: not is_lost("el0"), 20)
    assert rack.device("el0")["connections"] == [crossing]
    events.wait("event.drift/1", lambda e: e["device"] == "el0" and e["kind"] == "device-back")


def test_a_crossing_that_nobody_made_is_named_and_cut(bed, rack, events):
    attached = rack.attach("cb0")
    rack.session("opt1", "connect 11 12")
    bed.restart("controller-1")
    drift = events.wait("event.drift/1", lambda e: e["device"] == "opt1")
    assert (drift["kind"], drift["action"]) == ("crossing-unknown", "repaired")
    assert rack.device("opt1")["connections"] == []
    assert rack.state(attached["reservation"]) == "attached"


def test_a_brick_that_went_off_is_named_and_switched_on(bed, rack, events):
    # mb5 holds nothing, so it obeys; it is looked at because it was lost.
    rack.session("mb5", "power off")
    query("UPDATE sdm.device SET state = 'lost' WHERE id = 'mb5'")
    bed.restart("controller-1")
    drift = events.wait("event.drift/1", lambda e: e["device"] == "mb5" and e["kind"] == "power-wrong")
    assert drift["action"] == "repaired"
    wait_until("it is on", lambda: rack.device("mb5")["power"] == "on", 20)
