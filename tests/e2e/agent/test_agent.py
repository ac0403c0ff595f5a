"""From wanted state to a DIMM that a running guest has taken, and back, seen from the guest, from libvirt, from the
rack and from the reports."""

import json
import pathlib
import subprocess
import time

import pytest
import serial

from agent import BACKEND_CHECK, GIB, MIB, UNIT, found, wait_until, window
from conftest import BUILD, run_testbed

BOOT_KIB = 256 << 10


def dimm(brick, entry, size, offset, module=1, **more):
    """Windows of 2 GiB each, one an entry."""
    return window(entry, 4 * GIB + entry * 2 * GIB, size, offset, module=module, port=module - 1,
                  mode="vm", want="attached", vm=brick.vm, **more)


def gone(*windows):
    return [{**w, "want": "absent"} for w in windows]


def hold(brick):
    """Pins a page of hot-plugged memory; the guest's allocator does not hand one out every time."""
    for _attempt in range(20):
        try:
            return brick.run("hold")["pages"]
        except serial.Refused:
            brick.run("free")
            time.sleep(0.1)
    raise AssertionError("no page of hot-plugged memory can be had")


def find_pattern(*arguments):
    done = subprocess.run([BUILD / "deploy/guest/sdm-find-pattern", *map(str, arguments)], check=True,
                          text=True, capture_output=True, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_guest_is_reported(brick, agent, controller):
    controller.want([])
    [vm] = controller.converged()["vms"]
    assert (vm["vm"], vm["name"]) == (brick.vm, brick.guest)
    assert (vm["n_slots"], vm["n_slots_used"]) == (16, 0)
    assert vm["max_memory_bytes"] == 8 * GIB
    assert vm["memory_bytes"] == 256 * MIB
    assert vm["guest_memory_bytes"] == brick.memtotal_kib() * 1024


def test_512_mib_in_and_out(brick, agent, controller):
    before = brick.memtotal_kib()
    wanted = dimm(brick, 0, 512 * MIB, 128 * MIB)
    controller.want([wanted])
    report = controller.converged(30)
    window_found = found(report, wanted)
    assert window_found["have"] == "attached"
    # The guest's own line, libvirt's accounting and the report say the same.
    assert brick.memtotal_kib() == before + (512 << 10)
    assert window_found["guest_memory_bytes"] == brick.memtotal_kib() * 1024
    assert brick.memory_kib() == (BOOT_KIB + (512 << 10), BOOT_KIB + (512 << 10))
    assert brick.dimm_aliases() == ["ua-sdm-" + wanted["window"]]
    assert report["vms"][0]["n_slots_used"] == 1
    assert window_found["guest_us"] > 0
    # What the guest writes is in the segment.
    brick.run("fill hotplug 0xabcdef")
    path = pathlib.Path(brick.entries()[0])
    assert path.stat().st_size == 512 * MIB
    assert find_pattern("any", "0xabcdef", path)[0]["n_any"] == 512 * MIB // 4096
    assert brick.run("verify 0xabcdef")["bad"] == 0
    brick.run("free")

    controller.want(gone(wanted))
    report = controller.converged(30)
    assert found(report, wanted)["have"] == "absent"
    assert "error_code" not in found(report, wanted)
    assert brick.memtotal_kib() == before
    assert brick.memory_kib() == (BOOT_KIB, BOOT_KIB)
    assert brick.dimm_aliases() == []
    assert brick.entries() == {}
    assert brick.links() == []
    assert report["vms"][0]["guest_memory_bytes"] == before * 1024
    assert "monitor" not in brick.virsh("dominfo", brick.guest)


def test_several_segments_of_several_bricks(brick, agent, controller):
    before = brick.memtotal_kib()
    wanted = [dimm(brick, 0, UNIT, 0), dimm(brick, 1, 2 * UNIT, 0, module=2),
              dimm(brick, 2, UNIT, 3 * UNIT)]
    controller.want(wanted)
    report = controller.converged(30)
    assert {found(report, w)["have"] for w in wanted} == {"attached"}
    assert brick.memtotal_kib() == before + (4 * UNIT >> 10)
    # One of them goes, the others are not disturbed.
    brick.run("fill 64 0x33")
    controller.want([wanted[0], *gone(wanted[1]), wanted[2]])
    report = controller.converged(30)
    assert [found(report, w)["have"] for w in wanted] == ["attached", "absent", "attached"]
    assert brick.memtotal_kib() == before + (2 * UNIT >> 10)
    assert brick.run("verify 0x33")["bad"] == 0
    assert sorted(brick.entries()) == [0, 2]


def test_mapped_alone_leaves_the_guest_alone(brick, agent, controller):
    before = brick.memtotal_kib()
    wanted = {**dimm(brick, 0, UNIT, 0), "want": "mapped"}
    controller.want([wanted])
    assert found(controller.converged(), wanted)["have"] == "mapped"
    assert brick.dimm_aliases() == []
    assert brick.memtotal_kib() == before


def test_memory_that_the_guest_holds_is_reported_and_waits(brick, agent, controller):
    before = brick.memtotal_kib()
    wanted = dimm(brick, 0, UNIT, 0)
    controller.want([wanted])
    controller.converged(30)
    assert hold(brick) == 1
    controller.want(gone(wanted))
    report = controller.report(lambda r: "error_code" in found(r, wanted), 30)
    assert found(report, wanted)["error_code"] == "GUEST_REFUSED"
    assert found(report, wanted)["have"] != "absent"
    time.sleep(3)
    # Nothing was torn from under it.
    assert brick.dimm_aliases() == ["ua-sdm-" + wanted["window"]]
    assert 0 in brick.entries()
    assert brick.run("release")["pages"] == 1
    report = controller.converged(60)
    assert found(report, wanted)["have"] == "absent"
    assert brick.memtotal_kib() == before
    assert brick.entries() == {}


def test_wanted_again_while_the_guest_still_holds_it(brick, agent, controller):
    wanted = dimm(brick, 0, UNIT, 0)
    controller.want([wanted])
    controller.converged(30)
    hold(brick)
    controller.want(gone(wanted))
    controller.report(lambda r: "error_code" in found(r, wanted), 30)
    controller.want([wanted])
    brick.run("release")
    # It may go, and come again, when the guest lets go of it: that it is there is told before that too.
    report = controller.converged(60)
    assert found(report, wanted)["have"] == "attached"
    wait_until(lambda: brick.dimm_aliases() == ["ua-sdm-" + wanted["window"]], 30)


@pytest.mark.parametrize("point", ["agent.map", "agent.mapped", "agent.attach", "agent.attached",
                                   "agent.detach", "agent.detached", "agent.unmap", "agent.unmapped"])
def test_a_crash_between_steps_is_made_good(brick, agent, controller, point):
    before = brick.memtotal_kib()
    wanted = dimm(brick, 0, UNIT, 0)
    agent.stop()
    agent.start(SDM_FAULT=f"{point}=crash")
    if point in ("agent.detach", "agent.detached", "agent.unmap", "agent.unmapped"):
        controller.want([wanted])
        controller.converged(30)
        wanted = {**wanted, "want": "absent"}
    controller.want([wanted])
    assert agent.process.wait(timeout=20) == 70
    agent.start()
    controller.want([wanted])
    report = controller.converged(60)
    assert found(report, wanted)["have"] == wanted["want"]
    n_bytes = UNIT if wanted["want"] == "attached" else 0
    assert brick.memtotal_kib() == before + (n_bytes >> 10)
    assert brick.memory_kib() == (BOOT_KIB + (n_bytes >> 10), BOOT_KIB + (n_bytes >> 10))


def test_a_restarted_agent_knows_what_the_guest_has_taken(brick, agent, controller):
    wanted = dimm(brick, 0, UNIT, 0)
    controller.want([wanted])
    controller.converged(30)
    agent.kill()
    agent.start()
    report = controller.report(lambda r: r["windows"] != [])
    assert found(report, wanted)["have"] == "attached"
    assert report["generation"] == controller.generation
    controller.want([wanted])
    controller.converged()
    steps = [line for line in agent.log().splitlines() if wanted["window"] in line and "attach" in line]
    assert len(steps) == 1


def test_libvirtd_restarts(brick, agent, controller):
    wanted = dimm(brick, 0, UNIT, 0)
    controller.want([wanted])
    controller.converged(30)
    run_testbed("restart libvirtd-1", brick.directory)
    wait_until(lambda: "look-failed" in agent.log() or agent.control("status")["sees_guests"])
    other = dimm(brick, 1, UNIT, 0, module=2)
    controller.want([wanted, other])
    report = controller.converged(30)
    assert found(report, other)["have"] == "attached"
    controller.want(gone(wanted, other))
    controller.converged(30)


def test_a_guest_that_ends_takes_its_dimms_along(brick, agent, controller):
    wanted = dimm(brick, 0, UNIT, 0)
    controller.want([wanted])
    before = controller.converged(30)["vms"][0]["boot_id"]
    brick.virsh("destroy", brick.guest)
    report = controller.report(lambda r: r["vms"] == [], 20)
    assert found(report, wanted)["have"] == "mapped"
    report = controller.report(lambda r: "error_code" in found(r, wanted), 20)
    assert found(report, wanted)["error_code"] == "NOT_FOUND"
    controller.want(gone(wanted))
    assert found(controller.converged(), wanted)["have"] == "absent"
    assert brick.entries() == {}
    n_ready = brick.log_path.read_text().count("READY")
    brick.virsh("start", brick.guest)
    wait_until(lambda: brick.log_path.read_text().count("READY") > n_ready, 120)
    report = controller.report(lambda r: len(r["vms"]) == 1 and r["vms"][0]["guest_memory_bytes"] > 0, 30)
    assert report["vms"][0]["boot_id"] != before
    controller.want([wanted])
    assert found(controller.converged(30), wanted)["have"] == "attached"


def test_the_backends_keep_their_promises(brick, agent, controller):
    """After the session's agent has ended, because there is one RMC client a time."""
    agent.stop()
    done = subprocess.run([BACKEND_CHECK, f"{brick.state}/rmc/cb0.sock", f"{brick.state}/sys/cb0",
                           brick.uri, brick.memory_dir], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    agent.start()


def test_nothing_was_ever_handed_out_twice(brick):
    counters = brick.overlaps()
    assert counters["overlaps"] == 0
    assert counters["unmapped_online"] == 0
