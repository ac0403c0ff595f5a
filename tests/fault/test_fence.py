"""s11.fence: a compute brick is cut off, confirmed, and what it had comes back; or nobody confirms it, and waits."""

import signal

import pytest
from bed import ask, live_rows, new_key, query, wait_until
from dead_bed import SIZE, Rack, nobody_owns_twice
from sdm_client import Refusal

CONTROLLER = "controller-1"


@pytest.fixture
def rack(bed):
    made = Rack(bed)
    yield made
    made.heal()
    for brick in ("cb0", "cb1"):
        if made.brick(brick)["state"] == "fenced":
            made.give_back(brick)
    for segment in made.quarantine():
        bed.admin.write("s11.quarantine.release", segment=segment["segment"])
    bed.release_over()
    wait_until("nothing is left", lambda: not live_rows() and not bed.hardware.left_over(), 20)
    nobody_owns_twice(bed)


def fence(bed, brick="cb0", **members):
    return bed.admin.write("s11.fence", brick=brick, wait="fabric", timeout_ms=20000, **members)


@pytest.mark.parametrize("method, power", [("any", "off"), ("power", "off"), ("cut", "on")])
def test_what_it_had_is_scrubbed_and_free(bed, rack, method, power):
    before = bed.hardware.counters()["scrubs"]
    attached, held = rack.attach(), rack.reserve()
    reply = fence(bed, method=method)
    assert reply["done"]
    assert (reply["brick"]["state"], reply["brick"]["fence"], reply["brick"]["have_power"]) == ("fenced", "confirmed", power)
    for reservation in (attached, held):
        rack.wait_state(reservation["reservation"], "released")
    assert bed.hardware.counters()["scrubs"] >= before + 2
    assert query("SELECT count(*) FROM sdm.segment") == [["0"]]
    assert query("SELECT used_bytes, n_reservations FROM sdm.project WHERE project = 'demo'") == [["0", "0"]]
    shown = bed.demo.call("s10.show", reservation=attached["reservation"])["reservation"]
    assert any("cb0" in line["text"] and "fenced" in line["text"] for line in shown["history"])


def test_a_fenced_brick_takes_no_plans_until_it_returns_empty(bed, rack):
    rack.attach()
    fence(bed)
    with pytest.raises(Refusal) as refused:
        rack.reserve()
    assert refused.value.code == "WRONG_STATE"
    assert fence(bed)["done"], "again, it is fenced already"
    rack.give_back("cb0")
    assert rack.brick("cb0")["state"] == "active"
    assert "fence" not in rack.brick("cb0")
    assert rack.attach()["state"] == "attached"


def test_others_keep_what_they_have(bed, rack):
    other = rack.attach("cb1")
    rack.attach("cb0")
    fence(bed)
    assert rack.state(other["reservation"]) == "attached"
    assert len(rack.entries("cb1")) == 1


def test_only_an_admin_fences_and_only_compute_bricks(bed, rack):
    del rack
    for client, brick, code in ((bed.demo, "cb0", "FORBIDDEN"), (bed.admin, "mb0", "WRONG_KIND"), (bed.admin, "el0", "WRONG_KIND"),
                                (bed.admin, "nobody", "NOT_FOUND")):
        with pytest.raises(Refusal) as refused:
            client.write("s11.fence", brick=brick)
        assert refused.value.code == code


def silence(rack):
    """Neither the brick's power controller nor its switch answers."""
    rack.die(device="cb0")
    rack.die(device="el0")


def test_unconfirmed_is_quarantine_until_an_admin_decides(bed, rack):
    attached, held = rack.attach(), rack.reserve()
    segment = attached["segments"][0]
    scrubs = bed.hardware.counters()["scrubs"]
    silence(rack)
    with pytest.raises(Refusal) as refused:
        fence(bed)
    assert refused.value.code == "UNCONFIRMED"
    assert rack.state(attached["reservation"]) == "failed"
    row = rack.quarantine()[0]
    assert (row["segment"], row["compute_brick"], row["reservation"], row["released"]) == \
        (segment["segment"], "cb0", attached["reservation"], False)
    assert rack.brick("cb0")["fence"] == "unconfirmed"
    # What was never mapped is not in doubt.
    assert rack.state(held["reservation"]) in ("releasing", "released")
    with pytest.raises(Refusal) as refused:
        rack.reserve("cb0")
    assert refused.value.code == "WRONG_STATE"
    # Nothing moves by itself, whatever answers again: the bytes are in the entry still.
    rack.revive(device="el0")
    wait_until("the held one is free", lambda: rack.state(held["reservation"]) == "released", 20)
    assert [row["segment"] for row in rack.quarantine()] == [segment["segment"]]
    bed.restart(CONTROLLER)
    assert [row["segment"] for row in rack.quarantine()] == [segment["segment"]]
    assert query(f"SELECT count(*) FROM sdm.scrub_record WHERE segment = '{segment['segment']}'") == [["0"]]
    # Meanwhile the other bytes are handed out, these are not.
    for taken in rack.reserve("cb1", 4 * SIZE, latency_class="rack")["segments"]:
        assert taken["memory_brick"] != segment["memory_brick"] or \
            taken["offset_bytes"] + taken["size_bytes"] <= segment["offset_bytes"] or \
            taken["offset_bytes"] >= segment["offset_bytes"] + segment["size_bytes"]
    rack.revive(device="cb0")
    bed.admin.write("s11.quarantine.release", segment=segment["segment"])
    wait_until("it is scrubbed and free", lambda: not rack.quarantine() and query(
        f"SELECT count(*) FROM sdm.segment WHERE segment = '{segment['segment']}'") == [["0"]], 20)
    assert bed.hardware.counters()["scrubs"] > scrubs
    with pytest.raises(Refusal) as refused:
        bed.admin.write("s11.quarantine.release", segment=segment["segment"])
    assert refused.value.code == "NOT_FOUND"


def test_a_later_fence_that_is_confirmed_frees_the_quarantine(bed, rack):
    attached = rack.attach()
    silence(rack)
    with pytest.raises(Refusal):
        fence(bed)
    rack.revive(device="el0")
    reply = fence(bed)
    assert reply["brick"]["fence"] == "confirmed"
    wait_until("nothing is in quarantine, or waits", lambda: query("SELECT count(*) FROM sdm.segment") == [["0"]], 20)
    assert rack.state(attached["reservation"]) == "failed"
    assert query("SELECT used_bytes, n_reservations FROM sdm.project WHERE project = 'demo'") == [["0", "0"]]


def test_a_group_only_loses_its_member(bed, rack):
    for brick in ("cb0", "cb1"):
        reply = bed.demo.write("s10.group.join", group="shared", compute_brick=brick, size_bytes=SIZE, latency_class="rack",
                               wait="guest", timeout_ms=20000)
    fence(bed)
    group = reply["reservation"]["reservation"]
    wait_until("the member is gone", lambda: [a["compute_brick"] for a in bed.demo.call("s10.show", reservation=group)[
        "reservation"]["attachments"]] == ["cb1"], 20)
    assert rack.state(group) == "attached"
    assert len(rack.entries("cb1")) == 1


@pytest.fixture
def dead_agent(bed):
    """The one of cb0 does nothing any more: what is mapped there stays."""
    bed.signal("agent-1", signal.SIGSTOP)
    yield
    bed.signal("agent-1", signal.SIGCONT)


def cuts(bed, since=0):
    """Of live entries, as compute bricks: those that were counted after 'since'."""
    return [cut["compute_brick"] for cut in bed.hardware.status()["cuts"] if cut["number"] > since]


def test_by_power_no_circuit_is_cut_before_it_is_off(bed, rack, request):
    attached, other = rack.attach("cb0"), rack.attach("cb1")
    request.getfixturevalue("dead_agent")
    before = bed.hardware.counters()["cut_under_live"]
    # Its power controller does not answer the first time, and not after a new leader's start.
    rack.fault_arm(device="cb0", operation="power", action="silence", count=2)
    body = {"key": new_key(), "brick": "cb0", "method": "power", "wait": "fabric", "timeout_ms": 60000}
    bed.admin.send("s11.fence", body)
    wait_until("it is being cut off", lambda: query("SELECT fence FROM sdm.device WHERE id = 'cb0'") == [["cutting"]])
    bed.demo.write("s10.release", reservation=attached["reservation"], wait="committed")
    bed.demo.write("s10.detach", reservation=other["reservation"], wait="fabric", timeout_ms=20000)
    assert cuts(bed, before) == []
    bed.restart(CONTROLLER)
    assert rack.attach("cb1")["state"] == "attached"
    assert cuts(bed, before) == []
    reply = ask(bed, CONTROLLER, "s11.fence", body, seconds=60)
    assert reply is not None and reply[1]["brick"]["fence"] == "confirmed", reply
    rack.wait_state(attached["reservation"], "released")
    assert cuts(bed, before) == [] and bed.hardware.counters()["cut_under_live"] == before
    assert rack.device("cb0")["entries"] == []


def test_power_that_is_not_confirmed_leaves_its_circuits_and_cutting_takes_them(bed, rack, request):
    attached, other = rack.attach("cb0"), rack.attach("cb1")
    request.getfixturevalue("dead_agent")
    before = bed.hardware.counters()["cut_under_live"]
    rack.fault_arm(device="cb0", operation="power", action="refuse", count=3)
    with pytest.raises(Refusal) as refused:
        fence(bed, method="power")
    assert refused.value.code == "UNCONFIRMED"
    assert [row["reservation"] for row in rack.quarantine()] == [attached["reservation"]]
    rack.attach("cb1")
    assert cuts(bed, before) == []
    assert [entry["path_up"] for entry in rack.entries("cb0")] == [True], "an administrator asked for power alone"
    assert fence(bed, method="cut")["brick"]["fence"] == "confirmed"
    assert cuts(bed, before) == ["cb0"]
    assert [entry["path_up"] for entry in rack.entries("cb1")] == [True, True]
    wait_until("its bytes are scrubbed and free", lambda: not rack.quarantine())
    assert rack.state(other["reservation"]) == "attached"


def test_what_its_agent_gives_up_late_leaves_quarantine_with_the_next_fence(bed, rack):
    attached = rack.attach()
    bed.signal("agent-1", signal.SIGSTOP)
    try:
        rack.fault_arm(device="cb0", operation="power", action="refuse", count=3)
        with pytest.raises(Refusal):
            fence(bed, method="power")
    finally:
        bed.signal("agent-1", signal.SIGCONT)
    wait_until("its agent says that it has nothing", lambda: query(
        "SELECT count(*) FROM sdm.netport_window WHERE have <> 'absent' OR offered") == [["0"]], 30)
    assert [row["reservation"] for row in rack.quarantine()] == [attached["reservation"]]
    assert fence(bed, method="power")["brick"]["fence"] == "confirmed"
    wait_until("its bytes are scrubbed and free", lambda: not rack.quarantine(), 20)


POINTS = ["fabric.before_force_off", "fabric.after_force_off", "fence.before_mark", "pg.before-commit", "pg.before-commit@2",
          "pg.after-commit", "pg.after-commit@2", "fabric.before_disconnect", "fabric.after_disconnect", "fabric.before_scrub",
          "fabric.after_scrub", "amqp.published"]


@pytest.mark.parametrize("point, method", [(point, method) for point in POINTS for method in ("power", "cut")
                                           if method == "power" or "force_off" not in point])
def test_a_crash_half_way_is_taken_up_again(bed, rack, point, method):
    attached = rack.attach()
    body = {"key": new_key(), "brick": "cb0", "method": method, "wait": "fabric", "timeout_ms": 20000}
    name, _at, passage = point.partition("@")
    assert bed.arm(CONTROLLER, f"{name}=crash@{passage or 1}") == 1
    ask(bed, CONTROLLER, "s11.fence", body)
    wait_until("the point is passed", lambda: not bed.is_alive(CONTROLLER), 10)
    bed.restart(CONTROLLER)
    reply = ask(bed, CONTROLLER, "s11.fence", body, seconds=30)
    assert reply is not None and reply[0] == "s11.brick.reply/1", reply
    assert reply[1]["brick"]["fence"] == "confirmed"
    rack.wait_state(attached["reservation"], "released")
