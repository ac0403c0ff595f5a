"""NetPort entries, paths and bytes, as an agent, a hypervisor and the next owner see them."""

import json
import mmap
import os
import pathlib
import random
import struct
import threading

import jsonschema
import pytest

from harness import GIB, SOURCE, UNIT, Closed, Refused, Rack, small_rack, window

PATTERN = b"disaggregated!" * 64


def refused(lines, request):
    with pytest.raises(Refused) as caught:
        lines.ask(request)
    return caught.value.code


def wire_tray(rack):
    """cb0 port 0 to mb0 port 0, cb0 port 1 to mb0 port 1."""
    switch = rack.open("el0")
    switch.ask("connect 0 2")
    switch.ask("connect 1 3")


def wire_racks(rack, epoch=1):
    """cb0 port 0 over both optical switches to mb2 in the other rack."""
    for device, pairs in {"el0": [(0, 6)], "opt0": [(0, 6)], "opt1": [(6, 0)],
                          "el2": [(6, 2)]}.items():
        lines = rack.open(device, epoch)
        for a, b in pairs:
            lines.ask(f"connect {a} {b}")


def registers(rack, brick, entry):
    """An entry of the register file, read as QEMU does."""
    with (rack.state / "rmc" / f"{brick}.regs").open("rb") as file:
        with mmap.mmap(file.fileno(), 65536, prot=mmap.PROT_READ) as mapped:
            return struct.unpack_from("<4I", mapped, entry * 16)


def fill(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def at(path, offset, size):
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(size)


def test_entry_is_published_and_cleared(rack):
    wire_tray(rack)
    rmc = rack.rmc("cb0")
    fields = window(0, 1, GIB, UNIT, 3 * UNIT)
    path = rmc.ask("map 5 " + fields)
    assert rmc.ask("map 5 " + fields) == path
    assert os.stat(path).st_size == UNIT
    assert registers(rack, "cb0", 5) == tuple(int(f, 16) for f in fields.split())
    assert rmc.ask("list").startswith("1 5:")
    assert rmc.ask("list").endswith(":" + path)
    assert rack.open("mb0").ask("extents") == f"1 {3 * UNIT}:{UNIT}:1:cb0"
    assert rmc.ask("unmap 5") == ""
    assert rmc.ask("unmap 5") == ""
    assert registers(rack, "cb0", 5) == (0, 0, 0, 0)
    assert rmc.ask("list") == "0"
    assert not os.path.exists(path)


def test_what_an_rmc_refuses(rack):
    wire_tray(rack)
    rmc = rack.rmc("cb0")
    rmc.ask("map 0 " + window(0, 1, GIB, 2 * UNIT, 0))
    cases = [
        ("map 0 " + window(0, 1, GIB, UNIT, 0), "ALREADY_EXISTS"),
        ("map 1 " + window(0, 1, GIB + UNIT, UNIT, 4 * UNIT), "IN_USE"),
        ("map 1 " + window(0, 9, 2 * GIB, UNIT, 0), "NOT_FOUND"),
        ("map 1 " + window(0, 1, 2 * GIB, UNIT, 8 * UNIT), "OUT_OF_RANGE"),
        ("map 1 " + window(0, 1, 2 * GIB, 2 * UNIT, 7 * UNIT), "OUT_OF_RANGE"),
        ("map 1 " + window(2, 1, 2 * GIB, UNIT, 0), "OUT_OF_RANGE"),
        ("map 1 " + window(0, 1, GIB - UNIT, UNIT, 0), "OUT_OF_RANGE"),
        ("map 1 1 80000 80000 0", "INVALID_VALUE"),
        ("map 1 1 80000 7ffff 0", "OUT_OF_RANGE"),
        ("map 4096 " + window(0, 1, 2 * GIB, UNIT, 0), "OUT_OF_RANGE"),
        ("map 1 " + window(0, 2, 2 * GIB, UNIT, 0), "WRONG_STATE"),
        ("map 1 " + window(0, 3, 2 * GIB, UNIT, 0), "NO_PATH"),
        ("map 1 123456789 0 0 0", "INVALID_VALUE"),
        ("map 1 1 2 3", "MALFORMED"),
        ("map 1 1 2 3 4 alone", "MALFORMED"),
        ("unmap 4096", "OUT_OF_RANGE"),
        ("unmap", "MALFORMED"),
        ("sing", "UNKNOWN_MESSAGE"),
    ]
    for request, code in cases:
        assert refused(rmc, request) == code, request
    assert rmc.ask("list").startswith("1 0:")
    assert rack.counters()["overlaps"] == 0


def test_bytes_stay_at_their_offsets(rack):
    """Written through a window, found in the image at the offset of the brick and nowhere else."""
    wire_tray(rack)
    rmc = rack.rmc("cb0")
    path = rmc.ask("map 0 " + window(0, 1, GIB, 2 * UNIT, 3 * UNIT))
    fill(path, UNIT + 4096, PATTERN)
    assert PATTERN not in at(rack.image("mb0"), 0, 8 * UNIT)
    rmc.ask("unmap 0")
    assert at(rack.image("mb0"), 4 * UNIT + 4096, len(PATTERN)) == PATTERN
    assert at(rack.image("mb0"), 0, 8 * UNIT).count(PATTERN) == 1
    assert os.stat(rack.image("mb0")).st_blocks * 512 < UNIT


def test_next_owner_sees_what_was_not_scrubbed(rack):
    wire_tray(rack)
    rmc = rack.rmc("cb0")
    path = rmc.ask("map 0 " + window(0, 1, GIB, UNIT, 2 * UNIT))
    fill(path, 0, PATTERN)
    rmc.ask("unmap 0")
    # The next owner's extent is another one that begins a unit before.
    path = rmc.ask("map 7 " + window(1, 1, 4 * GIB, 2 * UNIT, UNIT))
    assert at(path, UNIT, len(PATTERN)) == PATTERN
    assert PATTERN not in at(rack.image("mb0"), 0, 8 * UNIT)
    brick = rack.open("mb0")
    assert refused(brick, f"scrub {2 * UNIT} {UNIT}") == "IN_USE"
    rmc.ask("unmap 7")
    assert brick.ask(f"scrub {2 * UNIT} {UNIT}") == ""
    assert brick.ask(f"scrub {2 * UNIT} {UNIT}") == ""
    path = rmc.ask("map 7 " + window(1, 1, 4 * GIB, 2 * UNIT, UNIT))
    assert at(path, 0, 2 * UNIT).count(0) == 2 * UNIT
    assert [(s["offset_bytes"], s["size_bytes"]) for s in rack.device("mb0")["scrubs"]] == \
        [(2 * UNIT, UNIT)] * 2
    assert rack.counters() == {"overlaps": 0, "cut_under_live": 0, "unmapped_online": 0,
                               "scrubs": 2}


@pytest.mark.parametrize("request_, code", [
    ("scrub 0 0", "OUT_OF_RANGE"),
    (f"scrub 0 {9 * UNIT}", "OUT_OF_RANGE"),
    (f"scrub {8 * UNIT} 1", "OUT_OF_RANGE"),
    ("scrub 9223372036854775807 9223372036854775807", "OUT_OF_RANGE"),
    ("scrub -1 1", "INVALID_VALUE"),
])
def test_scrubs_that_are_refused(rack, request_, code):
    assert refused(rack.open("mb0"), request_) == code


def test_overlaps_are_granted_and_counted(rack):
    wire_tray(rack)
    wire = rack.rmc("cb0")
    first = wire.ask("map 0 " + window(0, 1, GIB, 2 * UNIT, 0))
    fill(first, UNIT, PATTERN)
    assert rack.counters()["overlaps"] == 0
    second = wire.ask("map 1 " + window(1, 1, 2 * GIB, 2 * UNIT, UNIT))
    assert second != first
    assert at(second, 0, len(PATTERN)) == PATTERN
    assert rack.counters()["overlaps"] == 1
    assert wire.ask("map 2 " + window(1, 1, 3 * GIB, 2 * UNIT, 0)) == first
    assert rack.counters()["overlaps"] == 3
    assert rack.control("reset-counters") == {}
    assert rack.counters()["overlaps"] == 0


def test_groups_share_one_extent(rack):
    wire_tray(rack)
    rmc = rack.rmc("cb0")
    first = rmc.ask("map 0 " + window(0, 1, GIB, UNIT, 0) + " shared")
    second = rmc.ask("map 1 " + window(1, 1, 2 * GIB, UNIT, 0) + " shared")
    assert first == second
    assert rack.counters()["overlaps"] == 0
    fill(first, 0, PATTERN)
    rmc.ask("unmap 0")
    assert at(second, 0, len(PATTERN)) == PATTERN
    rmc.ask("unmap 1")
    assert at(rack.image("mb0"), 0, len(PATTERN)) == PATTERN
    rmc.ask("map 0 " + window(0, 1, GIB, UNIT, 0) + " shared")
    rmc.ask("map 1 " + window(1, 1, 2 * GIB, UNIT, 0))
    assert rack.counters()["overlaps"] == 1


def test_path_across_racks_and_a_cut_under_a_live_entry(rack):
    wire_racks(rack)
    rmc = rack.rmc("cb0")
    path = rmc.ask("map 0 " + window(0, 3, GIB, UNIT, 0))
    fill(path, 0, PATTERN)
    rack.open("opt0").ask("disconnect 0 6")
    assert rack.counters()["cut_under_live"] == 1
    assert [(cut["number"], cut["switch"], cut["a"], cut["b"], cut["compute_brick"], cut["entry"], cut["memory_brick"])
            for cut in rack.control("status")["cuts"]] == [(1, "opt0", 0, 6, "cb0", 0, "mb2")]
    assert not rack.device("cb0")["entries"][0]["path_up"]
    assert refused(rmc, "map 1 " + window(0, 3, 2 * GIB, UNIT, UNIT)) == "NO_PATH"
    rack.open("opt0").ask("connect 0 6")
    rmc.ask("unmap 0")
    rack.open("opt0").ask("disconnect 0 6")
    assert rack.counters()["cut_under_live"] == 1


def test_fenced_by_cutting_its_circuits(rack):
    """Bytes of a brick that was cut off can be scrubbed; what it still writes reaches nobody."""
    wire_tray(rack)
    rmc = rack.rmc("cb0")
    path = rmc.ask("map 0 " + window(0, 1, GIB, UNIT, 0))
    with open(path, "r+b") as held:
        brick = rack.open("mb0")
        assert refused(brick, f"scrub 0 {UNIT}") == "IN_USE"
        rack.open("el0").ask("disconnect 0 2")
        assert brick.ask(f"scrub 0 {UNIT}") == ""
        held.write(PATTERN)
        held.flush()
        assert brick.ask("extents") == "0"
    assert rmc.ask("list").endswith(":-")
    assert rmc.ask("unmap 0") == ""
    assert PATTERN not in at(rack.image("mb0"), 0, UNIT)


def test_dead_switch_carries_nothing(rack):
    wire_racks(rack)
    rack.control("die", device="opt1")
    assert refused(rack.rmc("cb0"), "map 0 " + window(0, 3, GIB, UNIT, 0)) == "NO_PATH"
    rack.control("revive", device="opt1")
    rack.rmc("cb0").ask("map 0 " + window(0, 3, GIB, UNIT, 0))
    assert rack.counters()["cut_under_live"] == 0


def test_everything_survives_a_kill(rack):
    wire_racks(rack, epoch=9)
    rack.open("mb1").ask("power on")
    rmc = rack.rmc("cb0")
    fields = window(0, 3, GIB, UNIT, UNIT)
    path = rmc.ask("map 3 " + fields)
    fill(path, 100, PATTERN)
    inode = os.stat(path).st_ino
    rack.control("die", device="opt1")
    (rack.bytes / "segments" / "mb2-0-4096").write_bytes(b"left by a kill")
    rack.kill()
    rack.start()
    assert refused(rack.connect(), "open opt0 8") == "STALE_EPOCH"
    assert rack.open("opt0", 9).ask("list") == "1 0-6"
    assert "power=on" in rack.open("mb1").greeting
    assert rack.device("opt1")["dead"]
    rack.control("revive", device="opt1")
    rmc = rack.rmc("cb0")
    assert rmc.ask("map 3 " + fields) == path
    assert os.stat(path).st_ino == inode
    assert registers(rack, "cb0", 3) == tuple(int(f, 16) for f in fields.split())
    assert sorted(os.listdir(rack.bytes / "segments")) == [os.path.basename(path)]
    rmc.ask("unmap 3")
    assert at(rack.image("mb2"), UNIT + 100, len(PATTERN)) == PATTERN
    rack.kill()
    rack.start()
    assert rack.rmc("cb0").ask("list") == "0"
    assert at(rack.image("mb2"), UNIT + 100, len(PATTERN)) == PATTERN
    assert rack.counters()["overlaps"] == 0


def test_two_daemons_do_not_share_a_state(rack):
    import subprocess
    from harness import EMURACKD
    second = subprocess.run(
        [EMURACKD, f"--rack={rack.rack_file}", f"--state-dir={rack.state}",
         f"--bytes-dir={rack.bytes}", "--listen=127.0.0.1:0", "--metrics-port=0",
         f"--control-socket={rack.folder}/second.sock"], capture_output=True, text=True,
        timeout=20, check=False)
    assert second.returncode != 0
    assert "another emurackd works in" in second.stderr
    assert rack.rmc("cb0").ask("list") == "0"


def test_published_file_keeps_its_schema(rack):
    schemas = {path.name: json.loads(path.read_text(encoding="utf-8"))
               for path in (SOURCE / "schemas").glob("*.json")}
    store = {schema["$id"]: schema for schema in schemas.values()}
    schema = schemas["emurack.json"]
    jsonschema.validate(rack.published, schema,
                        resolver=jsonschema.RefResolver(schema["$id"], schema, store=store))
    assert {b["id"]: b["module"] for b in rack.published["memory_bricks"]} == \
        {"mb0": 1, "mb1": 2, "mb2": 3}
    for brick in rack.published["memory_bricks"]:
        assert os.stat(brick["path"]).st_size == brick["size_bytes"]
    for brick in rack.published["compute_bricks"]:
        assert os.stat(brick["registers"]).st_size == 65536
        assert os.stat(brick["rmc_socket"]).st_mode & 0o777 == 0o600
        assert (pathlib.Path(brick["sysfs"]) / "devices/system/memory/probe").exists()


@pytest.mark.parametrize("change, text", [
    (lambda d: d["links"].append(d["links"][0]), "linked twice"),
    (lambda d: d["links"][0]["b"].update(device="nowhere"), "which is not there"),
    (lambda d: d["bricks"].append(d["bricks"][0]), "two of id"),
    (lambda d: d["bricks"][2].update(module=3), "two of module"),
    (lambda d: d["bricks"][2].update(capacity_bytes=UNIT + 4096), "no multiple"),
    (lambda d: d["bricks"][2].pop("module"), "needs capacity_bytes and module"),
    (lambda d: d["bricks"][0].update(tray="t9"), "in no tray"),
    (lambda d: d["trays"][0].update(rack="r9"), "in no rack"),
    (lambda d: d.update(segment_unit_bytes=5000), "no multiple of a page"),
    (lambda d: d.pop("racks"), "racks"),
])
def test_rack_files_that_are_refused(change, text):
    description = small_rack()
    change(description)
    broken = Rack(description)
    with pytest.raises(AssertionError):
        broken.start()
    try:
        assert broken.process.wait(timeout=10) != 0
        assert text in broken.log()
    finally:
        broken.remove()


def find_stamp(rack, offset, stamp):
    """Where the brick's bytes are now: in the file of the live segment, or in the image."""
    entries = rack.rmc("cb0").ask("list").split(" ")[1:]
    if entries:
        return at(entries[0].rsplit(":", 1)[1], offset, len(stamp)) == stamp
    return at(rack.image("mb0"), 2 * UNIT + offset, len(stamp)) == stamp


@pytest.mark.parametrize("seed", range(4))
def test_kill_at_any_moment_loses_no_byte(rack, seed):
    """An agent maps and unmaps all the time, and the daemon is killed under it."""
    choose = random.Random(seed)
    wire_tray(rack)
    stamp = b"never written by the guest"
    fill(rack.image("mb0"), 2 * UNIT + 4096 * 9, stamp)
    for round_ in range(5):
        killer = threading.Timer(choose.uniform(0.001, 0.06), rack.kill)
        rmc = rack.rmc("cb0")
        killer.start()
        try:
            while True:
                path = rmc.ask("map 0 " + window(0, 1, GIB, UNIT, 2 * UNIT))
                assert at(path, 4096 * 9, len(stamp)) == stamp
                stamp = f"{seed} {round_} {choose.random():.18f} owner".encode()
                fill(path, 4096 * 9, stamp)
                rmc.ask("unmap 0")
        except (Closed, ConnectionError):
            pass
        killer.join()
        rack.start()
        assert find_stamp(rack, 4096 * 9, stamp)
    assert rack.counters()["overlaps"] == 0


@pytest.mark.parametrize("path", sorted((SOURCE / "deploy/racks").glob("*.json")),
                         ids=lambda path: path.name)
def test_racks_that_we_ship_come_up(path):
    description = json.loads(path.read_text(encoding="utf-8"))
    schemas = [json.loads(p.read_text(encoding="utf-8"))
               for p in (SOURCE / "schemas").glob("*.json")]
    store = {schema["$id"]: schema for schema in schemas}
    schema = next(s for s in schemas if s["title"] == "rack/1")
    jsonschema.validate(description, schema,
                        resolver=jsonschema.RefResolver(schema["$id"], schema, store=store))
    shipped = Rack(description).start()
    try:
        devices = {d["id"] for d in shipped.control("status")["devices"]}
        assert devices == {d["id"] for d in description["bricks"] + description["switches"]}
    finally:
        shipped.remove()


def test_quickstart_reaches_what_its_scenario_needs():
    """1 GiB spans both bricks of tray 0; then half of each is left for tray 1, over the optics."""
    path = SOURCE / "deploy/racks/quickstart.json"
    shipped = Rack(json.loads(path.read_text(encoding="utf-8"))).start()
    try:
        for device, pairs in {
                "el0": [(0, 4), (1, 6), (14, 5), (15, 7)], "el1": [(0, 14), (1, 15)],
                "opt0": [(0, 2), (1, 3)]}.items():
            lines = shipped.open(device)
            for a, b in pairs:
                lines.ask(f"connect {a} {b}")
        first, second = shipped.rmc("cb0"), shipped.rmc("cb1")
        first.ask("map 0 " + window(0, 1, GIB, 4 * UNIT, 0))
        first.ask("map 1 " + window(1, 2, GIB + 4 * UNIT, 4 * UNIT, 0))
        second.ask("map 0 " + window(0, 1, GIB, 2 * UNIT, 4 * UNIT))
        second.ask("map 1 " + window(1, 2, GIB + 2 * UNIT, 2 * UNIT, 4 * UNIT))
        assert shipped.counters()["overlaps"] == 0
    finally:
        shipped.remove()
