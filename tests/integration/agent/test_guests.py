"""The agent between a broker and a fake brick: guests that are busy, slow or deaf, and parts that fail."""

import json
import time

import pytest

from agent import GIB, MIB, UNIT, found, wait_until, window


def dimm(vm, entry, size=UNIT, want="attached"):
    return window(entry, (entry + 4) * GIB, size, entry * GIB, mode="vm", want=want, vm=vm)


def gone(*windows):
    return [{**w, "want": "absent"} for w in windows]


def entries(agent):
    return agent.control("status")["n_entries"]


@pytest.fixture(autouse=True)
def no_rule_is_broken(fake):
    yield
    if fake.process.poll() is None:
        assert fake.control("fake-show")["n_violations"] == 0


def test_in_and_out(fake, controller, vms):
    wanted = [dimm(vms[0], 0), dimm(vms[1], 1, 2 * UNIT)]
    controller.want(wanted)
    report = controller.converged()
    assert [found(report, w)["have"] for w in wanted] == ["attached", "attached"]
    assert found(report, wanted[1])["guest_memory_bytes"] == (256 - 32) * MIB + 2 * UNIT
    assert {vm["vm"]: vm["n_slots_used"] for vm in report["vms"]} == {vms[0]: 1, vms[1]: 1}
    assert [vm["dimms"][0]["confirmed"] for vm in fake.control("vms")] == [True, True]
    assert [w["have"] for w in fake.control("windows")] == ["attached", "attached"]
    controller.want(gone(*wanted))
    controller.converged()
    assert entries(fake) == 0


def test_a_busy_guest_is_reported_and_keeps_its_memory(fake, controller, vms):
    wanted = dimm(vms[0], 0)
    controller.want([wanted])
    controller.converged()
    fake.control("fake-vm", vm=vms[0], behaviour="busy")
    controller.want(gone(wanted))
    report = controller.report(lambda r: "error_code" in found(r, wanted))
    assert (found(report, wanted)["error_code"], found(report, wanted)["have"]) == (
        "GUEST_REFUSED", "attached")
    assert entries(fake) == 1
    fake.control("fake-vm", vm=vms[0], behaviour="willing")
    controller.converged()
    assert entries(fake) == 0


def test_a_slow_guest_delays_nobody(fake, controller, vms):
    slow = dimm(vms[0], 0)
    quick = dimm(vms[1], 1)
    controller.want([slow, quick])
    controller.converged()
    fake.control("fake-vm", vm=vms[0], behaviour="slow")
    controller.want(gone(slow, quick))
    report = controller.report(lambda r: found(r, quick)["have"] == "absent")
    assert found(report, slow)["have"] == "attached"
    report = controller.report(lambda r: "error_code" in found(r, slow))
    assert found(report, slow)["error_code"] == "GUEST_REFUSED"
    assert fake.control("windows")[0]["pending"]
    # Its answer is heard at once, not when it is asked next.
    started = time.monotonic()
    fake.control("fake-vm", vm=vms[0], behaviour="willing")
    controller.converged()
    assert time.monotonic() - started < 5


def test_a_guest_that_does_not_take_it(fake, controller, vms):
    fake.control("fake-vm", vm=vms[0], behaviour="deaf")
    wanted = dimm(vms[0], 0)
    controller.want([wanted])
    report = controller.report(lambda r: r["windows"] and "error_code" in found(r, wanted))
    assert (found(report, wanted)["error_code"], found(report, wanted)["have"]) == (
        "GUEST_REFUSED", "mapped")
    fake.control("fake-vm", vm=vms[0], behaviour="willing")
    assert found(controller.converged(), wanted)["have"] == "attached"


def test_no_slot_is_left(fake, controller, vms):
    wanted = [dimm(vms[0], entry) for entry in range(4)]
    controller.want(wanted)
    report = controller.report(lambda r: [w for w in r["windows"] if "error_code" in w]
                               and sum(w["have"] == "attached" for w in r["windows"]) == 3)
    [refused] = [w for w in report["windows"] if "error_code" in w]
    assert (refused["error_code"], refused["have"]) == ("NO_SLOT", "mapped")


def test_no_room_below_the_maximum(fake, controller, vms):
    wanted = dimm(vms[0], 0, 4 * GIB)
    controller.want([wanted])
    report = controller.report(lambda r: r["windows"] and "error_code" in found(r, wanted))
    assert found(report, wanted)["error_code"] == "NO_SLOT"


def test_bytes_that_two_windows_want(fake, controller, vms):
    wanted = [dimm(vms[0], 0), window(1, 20 * GIB, UNIT, 0, mode="host", want="attached")]
    controller.want(wanted)
    report = controller.report(lambda r: r["generation"] == controller.generation and r["windows"])
    assert {w["error_code"] for w in report["windows"]} == {"AGENT_REFUSED"}
    assert entries(fake) == 0


def test_an_unknown_guest(fake, controller):
    wanted = dimm("99999999-9999-4999-8999-999999999999", 0)
    controller.want([wanted])
    report = controller.report(lambda r: r["windows"] and "error_code" in found(r, wanted))
    assert (found(report, wanted)["error_code"], found(report, wanted)["have"]) == (
        "NOT_FOUND", "mapped")


def test_a_guest_that_ends(fake, controller, vms):
    wanted = dimm(vms[0], 0)
    controller.want([wanted])
    controller.converged()
    fake.control("fake-vm-stop", vm=vms[0])
    report = controller.report(lambda r: len(r["vms"]) == 1 and "error_code" in found(r, wanted))
    assert found(report, wanted)["have"] == "mapped"
    controller.want([])
    controller.converged()
    assert entries(fake) == 0


def test_a_dimm_moves_to_another_guest_only_when_it_is_out(fake, controller, vms):
    wanted = dimm(vms[0], 0)
    controller.want([wanted])
    controller.converged()
    fake.control("fake-vm", vm=vms[0], behaviour="slow")
    controller.want([{**wanted, "vm": vms[1]}])
    controller.report(lambda r: r["generation"] == controller.generation)
    time.sleep(1)
    dimms = {vm["vm"]: len(vm["dimms"]) for vm in fake.control("vms")}
    assert dimms == {vms[0]: 1, vms[1]: 0}
    fake.control("fake-vm", vm=vms[0], behaviour="willing")
    controller.converged()
    dimms = {vm["vm"]: len(vm["dimms"]) for vm in fake.control("vms")}
    assert dimms == {vms[0]: 0, vms[1]: 1}


@pytest.mark.parametrize("unavailable", [False, True])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("point", ["rmc.map", "rmc.unmap", "domain.attach", "domain.detach",
                                   "memblk.online", "memblk.offline"])
def test_what_fails_is_tried_again(fake, controller, vms, point, late, unavailable):
    wanted = [dimm(vms[0], 0), window(1, 20 * GIB, UNIT, GIB, mode="host", want="attached")]
    if point in ("rmc.unmap", "domain.detach", "memblk.offline"):
        controller.want(wanted)
        controller.converged()
        wanted = gone(*wanted)
    fake.control("fake-arm", point=point, n=2, late=late, unavailable=unavailable)
    controller.want(wanted)
    report = controller.converged()
    assert {w["have"] for w in report["windows"]} == {wanted[0]["want"]}


@pytest.mark.parametrize("point", ["rmc.list", "memblk.look", "domain.list", "domain.look"])
def test_what_cannot_be_seen_is_not_taken_for_gone(fake, controller, vms, point):
    wanted = [dimm(vms[0], 0), window(1, 20 * GIB, UNIT, GIB, mode="host", want="attached")]
    controller.want(wanted)
    controller.converged()
    fake.control("fake-arm", point=point, n=1000000, unavailable=True)
    sees = {"rmc": "sees_rmc", "memblk": "sees_host", "domain": "sees_guests"}[point.split(".")[0]]
    wait_until(lambda: not fake.control("status")[sees])
    controller.want(gone(*wanted))
    # Without the RMC no generation is answered: nothing can be said to be gone.
    answered = 0 if point == "rmc.list" else controller.generation
    controller.report(lambda r: r["generation"] == answered and not r["converged"])
    time.sleep(1)
    assert fake.control("fake-show")["n_violations"] == 0
    fake.control("fake-arm", point=point, n=0)
    controller.converged()
    assert entries(fake) == 0


def test_many_windows_at_once(fake, controller, vms):
    for vm in vms:
        fake.control("fake-vm-start", vm=vm, name="big", n_slots=256, memory_bytes=256 * MIB,
                     max_memory_bytes=1024 * GIB)
    wanted = [window(entry, (entry + 8) * UNIT, UNIT, entry * UNIT, mode="vm", want="attached",
                     vm=vms[entry % 2]) for entry in range(400)]
    started = time.monotonic()
    controller.want(wanted)
    controller.converged(60)
    controller.want(gone(*wanted))
    controller.converged(60)
    assert time.monotonic() - started < 60
    assert entries(fake) == 0


def test_the_log_is_one_object_a_line(fake, controller, vms):
    controller.want([dimm(vms[0], 0)])
    controller.converged()
    for line in fake.log().splitlines():
        assert json.loads(line)["program"] == "sdm-agent"
