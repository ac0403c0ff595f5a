"""The agent between a broker and an emulated rack: NetPort entries and host memory."""

import json
import mmap
import os
import struct
import subprocess
import time

import pytest

import harness
from agent import AGENT, BACKEND_CHECK, GIB, SOURCE, UNIT, found, wait_until, window


def registers(rack, entry):
    with (rack.state / "rmc" / "cb0.regs").open("rb") as file:
        with mmap.mmap(file.fileno(), 65536, prot=mmap.PROT_READ) as mapped:
            return struct.unpack_from("<4I", mapped, entry * 16)


def fields(wanted):
    return tuple(int(word, 16) for word in harness.window(
        wanted["port"], wanted["module"], wanted["start_bytes"], wanted["size_bytes"],
        wanted["brick_offset_bytes"]).split())


def blocks(rack):
    memory = rack.sysfs("cb0") / "memory"
    return {int(p.name[6:]): harness.read(p / "state") for p in memory.glob("memory*")
            if int(p.name[6:]) >= 8}


def test_it_asks_when_it_connects(agent, controller):
    kind, message = controller.next()
    assert kind == "s7.ask/1"
    assert message["boot_id"] == open("/proc/sys/kernel/random/boot_id").read().strip()
    report = controller.report()
    assert (report["generation"], report["epoch"], report["windows"], report["vms"]) == (0, 0, [], [])


def test_a_window_is_mapped_and_unmapped(rack, agent, controller):
    wanted = window(5, GIB, UNIT, 3 * UNIT)
    controller.want([wanted])
    report = controller.converged()
    assert found(report, wanted)["have"] == "mapped"
    assert found(report, wanted)["start_bytes"] == GIB
    assert found(report, wanted)["size_bytes"] == UNIT
    assert found(report, wanted)["agent_us"] < 5e6
    assert registers(rack, 5) == fields(wanted)
    assert rack.open("mb0").ask("extents") == f"1 {3 * UNIT}:{UNIT}:1:cb0"
    controller.want([{**wanted, "want": "absent"}])
    assert found(controller.converged(), wanted)["have"] == "absent"
    assert registers(rack, 5) == (0, 0, 0, 0)
    controller.want([])
    assert controller.converged()["windows"] == []
    assert rack.counters()["unmapped_online"] == 0


def test_what_is_not_listed_goes(rack, agent, controller):
    kept = window(1, GIB, UNIT, 0)
    dropped = window(2, 2 * GIB, UNIT, UNIT)
    controller.want([kept, dropped])
    controller.converged()
    controller.want([kept])
    report = controller.converged()
    assert [w["window"] for w in report["windows"]] == [kept["window"]]
    assert registers(rack, 2) == (0, 0, 0, 0)
    assert registers(rack, 1) == fields(kept)


def test_host_memory_goes_online_and_comes_back(rack, agent, controller):
    wanted = window(0, 4 * GIB, 3 * UNIT, 0, mode="host", want="attached")
    controller.want([wanted])
    assert found(controller.converged(), wanted)["have"] == "attached"
    first = 4 * GIB // UNIT
    assert blocks(rack) == {first: "online", first + 1: "online", first + 2: "online"}
    assert harness.read(rack.sysfs("cb0") / "memory" / f"memory{first}/valid_zones") == "Movable"
    controller.want([{**wanted, "want": "mapped"}])
    assert found(controller.converged(), wanted)["have"] == "mapped"
    assert set(blocks(rack).values()) == {"offline"}
    controller.want([{**wanted, "want": "absent"}])
    controller.converged()
    assert blocks(rack) == {}
    assert rack.counters()["unmapped_online"] == 0


def test_host_memory_in_use_is_reported_and_waits(rack, agent, controller):
    wanted = window(0, 4 * GIB, 2 * UNIT, 0, mode="host", want="attached")
    controller.want([wanted])
    controller.converged()
    # A block that the kernel has put its own pages on does not go offline.
    memory = rack.sysfs("cb0") / "memory"
    block = memory / f"memory{4 * GIB // UNIT}"
    harness.write(block / "state", "offline")
    harness.write(block / "state", "online_kernel")
    controller.want([{**wanted, "want": "absent"}])
    report = controller.report(lambda r: "error_code" in found(r, wanted))
    assert found(report, wanted)["error_code"] == "IN_USE"
    assert found(report, wanted)["have"] == "mapped"
    assert not report["converged"]
    time.sleep(1)
    assert registers(rack, 0) == fields(wanted)
    # Wanted again, it has to be said that this memory cannot be promised back.
    controller.want([wanted])
    report = controller.report(lambda r: r["generation"] == controller.generation
                               and "error_code" in found(r, wanted))
    assert found(report, wanted)["error_code"] == "AGENT_REFUSED"
    assert rack.counters()["unmapped_online"] == 0


def test_the_same_wanted_state_again_changes_nothing(rack, agent, controller):
    wanted = window(5, GIB, UNIT, 0)
    generation = controller.want([wanted])
    controller.converged()
    inode = os.stat(rack.rmc("cb0").ask("list").split(":")[-1]).st_ino
    for _ in range(3):
        controller.want([wanted], generation=generation)
        assert controller.report(lambda r: r["generation"] == generation)["converged"]
    assert os.stat(rack.rmc("cb0").ask("list").split(":")[-1]).st_ino == inode
    steps = [json.loads(line) for line in agent.log().splitlines() if '"step-done"' in line]
    assert len(steps) == 1


def test_a_lower_epoch_is_refused_over_a_restart_too(rack, agent, controller):
    wanted = window(5, GIB, UNIT, 0)
    controller.epoch = 7
    controller.want([wanted])
    assert controller.converged()["epoch"] == 7
    controller.want([], epoch=6)
    time.sleep(0.5)
    assert registers(rack, 5) == fields(wanted)
    assert "STALE_EPOCH" in agent.log()
    agent.kill()
    agent.start()
    controller.want([], epoch=6)
    time.sleep(0.5)
    assert registers(rack, 5) == fields(wanted)
    assert agent.control("status")["epoch"] == 7
    controller.want([], epoch=8)
    wait_until(lambda: registers(rack, 5) == (0, 0, 0, 0))


def test_an_older_generation_changes_nothing(rack, agent, controller):
    wanted = window(5, GIB, UNIT, 0)
    controller.generation = 10
    controller.want([wanted])
    controller.converged()
    controller.want([], generation=9)
    time.sleep(0.5)
    assert registers(rack, 5) == fields(wanted)
    assert agent.control("status")["generation"] == 11


def test_an_old_look_lets_no_old_want_pass(rack, agent, controller):
    wanted = window(1, GIB, UNIT, 0)
    controller.generation = 10
    controller.want([wanted])
    controller.converged()
    for n_looks, restarted in ((1, False), (2, True)):
        if restarted:
            agent.kill()
            agent.start()
        controller.publish(json.dumps({"brick": "cb0", "epoch": 1}), "s7.look/1")
        wait_until(lambda: agent.log().count('"event":"look"') == n_looks)  # pylint: disable=cell-var-from-loop
        controller.report(lambda r: r["windows"] != [] and r["epoch"] == 1)
        controller.want([], generation=9)
        controller.report(lambda r: r["windows"] != [])
        assert agent.control("status")["generation"] == 11, restarted
        assert registers(rack, 1) == fields(wanted), restarted
    # Another leader's generations are its own.
    controller.publish(json.dumps({"brick": "cb0", "epoch": 2}), "s7.look/1")
    controller.report(lambda r: r["epoch"] == 2 and r["generation"] == 0)
    assert registers(rack, 1) == fields(wanted)
    controller.want([], epoch=2, generation=3)
    controller.report(lambda r: r["generation"] == 3 and r["converged"])
    assert registers(rack, 1) == (0, 0, 0, 0)


@pytest.mark.parametrize("body", ["", "no JSON", "[]", "{}", '{"brick":"cb1","epoch":99,"generation":99,'
                                  '"segment_unit_bytes":1,"windows":[]}',
                                  '{"brick":"cb0","epoch":-1,"generation":1,'
                                  '"segment_unit_bytes":1,"windows":[]}'])
def test_nonsense_is_refused_and_changes_nothing(rack, agent, controller, body):
    wanted = window(5, GIB, UNIT, 0)
    controller.want([wanted])
    controller.converged()
    controller.publish(body)
    wait_until(lambda: '"want-refused"' in agent.log())
    controller.publish(json.dumps({}), "s7.other/1")
    wait_until(lambda: "UNKNOWN_MESSAGE" in agent.log())
    assert registers(rack, 5) == fields(wanted)
    assert agent.control("status")["epoch"] == 1
    controller.want([])
    controller.converged()


def test_windows_that_contradict_each_other_are_refused(rack, agent, controller):
    kept = window(1, GIB, UNIT, 0)
    controller.want([kept])
    controller.converged()
    a = window(5, 2 * GIB, UNIT, UNIT)
    b = window(5, 3 * GIB, UNIT, 2 * UNIT)
    controller.want([kept, a, b])
    report = controller.report(lambda r: r["generation"] == controller.generation)
    assert found(report, a)["error_code"] == found(report, b)["error_code"] == "AGENT_REFUSED"
    assert "error_code" not in found(report, kept)
    assert registers(rack, 5) == (0, 0, 0, 0)


def test_a_circuit_that_comes_later_is_waited_for(rack, agent, controller):
    rack.switch.ask("disconnect 0 2")
    wanted = window(5, GIB, UNIT, 0)
    controller.want([wanted])
    time.sleep(0.5)
    report = controller.report()
    assert all("error_code" not in w for w in report["windows"])
    rack.switch.ask("connect 0 2")
    assert found(controller.converged(), wanted)["have"] == "mapped"


def test_a_circuit_that_does_not_come_is_reported(rack, agent, controller):
    rack.switch.ask("disconnect 0 2")
    wanted = window(5, GIB, UNIT, 0)
    controller.want([wanted])
    report = controller.report(lambda r: r["windows"] and "error_code" in found(r, wanted))
    assert found(report, wanted)["error_code"] == "AGENT_REFUSED"
    assert found(report, wanted)["have"] == "absent"


def test_an_entry_is_replaced(rack, agent, controller):
    old = window(5, GIB, UNIT, 0)
    controller.want([old])
    controller.converged()
    new = window(5, GIB, 2 * UNIT, 4 * UNIT)
    controller.want([new])
    controller.converged()
    assert registers(rack, 5) == fields(new)


def test_it_works_on_without_the_rack(rack, agent, controller):
    wanted = window(5, GIB, UNIT, 0)
    controller.want([wanted])
    controller.converged()
    rack.kill()
    wait_until(lambda: not agent.control("status")["sees_rmc"])
    other = window(6, 2 * GIB, UNIT, UNIT)
    controller.want([wanted, other])
    # No generation is answered without the RMC: nothing can be said to be gone.
    report = controller.report(lambda r: r["generation"] == 0 and len(r["windows"]) == 2)
    assert not report["converged"]
    # What was there is still taken to be there.
    assert found(report, wanted)["have"] == "mapped"
    rack.start()
    controller.converged()
    assert registers(rack, 6) == fields(other)


@pytest.mark.parametrize("point", ["agent.map", "agent.mapped", "agent.onlined", "agent.offlined",
                                   "agent.unmap", "agent.unmapped"])
def test_a_crash_between_steps_is_made_good(rack, agent, controller, point):
    agent.stop()
    agent.start(SDM_FAULT=f"{point}=crash")
    controller.report()
    wanted = window(3, 4 * GIB, UNIT, 0, mode="host", want="attached")
    controller.want([wanted])
    if point in ("agent.offlined", "agent.unmap", "agent.unmapped"):
        controller.converged()
        wanted = {**wanted, "want": "absent"}
        controller.want([wanted])
    assert agent.process.wait(timeout=20) == 70
    agent.start()
    assert controller.report(lambda r: r["windows"] != [] and r["generation"] > 0)
    # The controller answers what a starting agent asks.
    controller.want([wanted], generation=controller.generation)
    controller.generation -= 1
    report = controller.converged()
    assert found(report, wanted)["have"] == wanted["want"]
    assert registers(rack, 3) == (fields(wanted) if wanted["want"] == "attached" else (0, 0, 0, 0))
    assert rack.counters()["unmapped_online"] == 0


def test_a_restarted_agent_names_what_it_finds(rack, agent, controller):
    many = [window(i, (i + 1) * GIB, UNIT, i * UNIT) for i in range(3)]
    controller.want(many)
    controller.converged()
    controller.want(many[:1])
    controller.converged()
    agent.kill()
    agent.start()
    report = controller.report(lambda r: r["windows"] != [])
    assert report["generation"] == controller.generation
    assert [w["window"] for w in report["windows"]] == [many[0]["window"]]


def test_nothing_is_touched_before_a_controller_speaks(rack, agent, controller):
    rack.rmc("cb0").ask("map 9 " + harness.window(0, 1, GIB, UNIT, 0))
    agent.kill()
    agent.start()
    report = controller.report(lambda r: r["windows"] != [])
    assert [(w["entry"], w["have"], w["window"]) for w in report["windows"]] == [
        (9, "mapped", "00000000-0000-0000-0000-000000000000")]
    time.sleep(1.5)
    assert registers(rack, 9) != (0, 0, 0, 0)
    controller.want([])
    controller.converged()
    assert registers(rack, 9) == (0, 0, 0, 0)


def test_the_backends_keep_their_promises(rack):
    done = subprocess.run([BACKEND_CHECK, rack.state / "rmc" / "cb0.sock", rack.state / "sys" / "cb0"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_manual_names_every_option():
    options = subprocess.run([AGENT, "--document=man"], capture_output=True, text=True, check=True).stdout
    assert options in (SOURCE / "docs/man/sdm-agent.8").read_text(encoding="utf-8")


def test_its_metrics_are_what_prometheus_reads(rack, agent, controller):
    controller.want([window(5, GIB, UNIT, 0)])
    controller.converged()
    text = agent.control("metrics")["text"]
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'sdm_agent_steps_total{kind="map",result="ok"} 1' in text
    assert 'sdm_agent_windows{level="mapped"} 1' in text


def test_two_agents_on_one_state_folder(agent):
    done = subprocess.run([AGENT, "--brick=cb0", f"--state-dir={agent.folder / 'state'}",
                           "--control-socket=", "--metrics-port=0"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "another agent" in done.stderr
