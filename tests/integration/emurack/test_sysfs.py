"""The memory blocks of a compute brick's kernel, through the file system."""

import errno
import os
import threading
import time

import pytest

from harness import GIB, UNIT, read, window, write

FIRST = GIB // UNIT


@pytest.fixture
def blocks(rack):
    """cb0 with two units of its tray at 1 GiB."""
    rack.open("el0").ask("connect 0 2")
    rack.rmc("cb0").ask("map 0 " + window(0, 1, GIB, 2 * UNIT, 0))
    return rack.sysfs("cb0") / "memory"


def errno_of(path, text):
    with pytest.raises(OSError) as caught:
        write(path, text)
    return caught.value.errno


def test_own_memory_is_there_from_boot(rack):
    memory = rack.sysfs("cb0") / "memory"
    assert read(memory / "block_size_bytes") == f"{UNIT:x}"
    assert sorted(p.name for p in memory.glob("memory*")) == [f"memory{i}" for i in range(8)]
    assert read(memory / "memory7/state") == "online"
    assert read(memory / "memory7/online") == "1"
    assert read(memory / "memory7/phys_index") == "00000007"
    assert read(memory / "memory7/valid_zones") == "Normal"
    assert errno_of(memory / "memory7/state", "offline") == errno.EBUSY
    node = rack.sysfs("cb0") / "node"
    assert sorted(os.listdir(node)) == ["has_memory", "node0", "online", "possible"]
    assert read(node / "node0/distance") == "10"
    assert "MemTotal:       1048576 kB" in read(node / "node0/meminfo")


def test_block_is_probed_onlined_and_taken_out(rack, blocks):
    assert errno_of(blocks / "probe", f"{GIB + 4096:#x}") == errno.EINVAL
    assert errno_of(blocks / "probe", "rubbish") == errno.EINVAL
    assert errno_of(blocks / "probe", f"{4 * GIB:#x}") == errno.ENXIO
    assert not (blocks / f"memory{FIRST}").exists()
    write(blocks / "probe", f"{GIB:#x}\n")
    assert errno_of(blocks / "probe", f"{GIB:#x}\n") == errno.EEXIST
    block = blocks / f"memory{FIRST}"
    assert read(block / "state") == "offline"
    assert read(block / "valid_zones") == "Normal Movable"
    assert errno_of(block / "state", "offline") == errno.EINVAL
    assert errno_of(block / "state", "sideways") == errno.EINVAL
    write(block / "state", "online_movable")
    assert errno_of(block / "state", "online_movable") == errno.EINVAL
    assert read(block / "state") == "online"
    assert read(block / "valid_zones") == "Movable"
    node = rack.sysfs("cb0") / "node"
    assert read(node / "online") == "0,1"
    assert read(node / "node1/distance") == "20 10"
    assert read(node / "node0/distance") == "10 20"
    assert f"MemTotal:       {UNIT // 1024} kB" in read(node / "node1/meminfo")
    assert read(node / "node1/cpulist") == ""
    assert os.path.realpath(block / "node1") == str(node / "node1")
    assert os.path.realpath(node / f"node1/memory{FIRST}") == str(block)
    assert errno_of(blocks / "remove", f"{GIB:#x}") == errno.EBUSY
    write(block / "state", "offline\n")
    write(blocks / "remove", f"{GIB:#x}")
    assert not block.exists()
    assert read(node / "online") == "0"


def test_online_attribute_takes_what_is_so(blocks):
    write(blocks / "probe", f"{GIB}")
    block = blocks / f"memory{FIRST}"
    write(block / "online", "0")
    write(block / "online", "1")
    write(block / "online", "1")
    assert read(block / "state") == "online"
    # Onlined without a word on the zone, it went where the kernel allocates.
    assert read(block / "valid_zones") == "Normal"
    assert errno_of(block / "online", "0") == errno.EBUSY
    assert errno_of(block / "online", "2") == errno.EINVAL


def test_shell_redirection_works(blocks):
    assert os.system(f"echo {GIB:#x} > {blocks}/probe") == 0
    assert os.system(f"echo online_movable > {blocks}/memory{FIRST}/state") == 0
    assert os.system(f"echo online > {blocks}/memory{FIRST}/state 2>/dev/null") != 0


def test_files_have_the_permissions_of_sysfs(blocks):
    assert os.stat(blocks / "probe").st_mode & 0o777 == 0o200
    assert os.stat(blocks / "block_size_bytes").st_mode & 0o777 == 0o444
    assert os.stat(blocks / "memory0/state").st_mode & 0o777 == 0o644
    with pytest.raises(OSError):
        (blocks / "new").write_text("x", encoding="ascii")


def test_blocks_go_with_their_entry(rack, blocks):
    write(blocks / "probe", f"{GIB:#x}")
    write(blocks / "probe", f"{GIB + UNIT:#x}")
    write(blocks / f"memory{FIRST}/state", "online_movable")
    rack.rmc("cb0").ask("unmap 0")
    assert rack.counters()["unmapped_online"] == 1
    assert read(blocks / f"memory{FIRST}/state") == "online"
    assert not (blocks / f"memory{FIRST + 1}").exists()


def test_distance_follows_the_latency_class(rack):
    rack.open("el0").ask("connect 0 6")
    rack.open("el0").ask("connect 1 7")
    for device, a, b in (("opt0", 0, 6), ("opt1", 6, 0), ("el2", 6, 2), ("opt0", 1, 3),
                         ("el1", 7, 2)):
        rack.open(device).ask(f"connect {a} {b}")
    rack.open("mb1").ask("power on")
    rack.rmc("cb0").ask("map 0 " + window(0, 3, 2 * GIB, UNIT, 0))
    rack.rmc("cb0").ask("map 1 " + window(1, 2, 3 * GIB, UNIT, 0))
    write(rack.sysfs("cb0") / "memory/probe", f"{2 * GIB:#x}")
    write(rack.sysfs("cb0") / "memory/probe", f"{3 * GIB:#x}")
    node = rack.sysfs("cb0") / "node"
    assert read(node / "online") == "0,2,3"
    assert read(node / "node0/distance") == "10 40 80"
    assert read(node / "node3/distance") == "80 80 10"
    assert (node / f"node2/memory{3 * GIB // UNIT}").is_symlink()


def test_armed_busy_and_delay(rack, blocks):
    write(blocks / "probe", f"{GIB:#x}")
    state = blocks / f"memory{FIRST}/state"
    rack.control("fault-arm", device="cb0", operation="online_movable", action="delay", ms=150,
                 count=1)
    begun = time.monotonic()
    write(state, "online_movable")
    assert time.monotonic() - begun >= 0.15
    rack.control("fault-arm", device="cb0", operation="offline", action="busy", count=2)
    assert errno_of(state, "offline") == errno.EBUSY
    assert errno_of(state, "offline") == errno.EBUSY
    write(state, "offline")
    rack.control("fault-arm", device="cb0", operation="probe", action="lost-reply", count=1)
    assert errno_of(blocks / "probe", f"{GIB + UNIT:#x}") == errno.EIO
    assert (blocks / f"memory{FIRST + 1}").exists()


def test_brick_that_is_off_has_no_kernel(rack, blocks):
    write(blocks / "probe", f"{GIB:#x}")
    rack.open("cb0").ask("power force-off")
    assert os.listdir(rack.state / "sys/cb0") == []
    rack.open("cb0").ask("power on")
    assert not (blocks / f"memory{FIRST}").exists()
    assert (blocks / "memory0").exists()


def test_blocks_survive_a_kill(rack, blocks):
    write(blocks / "probe", f"{GIB:#x}")
    write(blocks / "probe", f"{GIB + UNIT:#x}")
    write(blocks / f"memory{FIRST}/state", "online_movable")
    rack.kill()
    rack.start()
    assert read(blocks / f"memory{FIRST}/state") == "online"
    assert read(blocks / f"memory{FIRST}/valid_zones") == "Movable"
    assert read(blocks / f"memory{FIRST + 1}/state") == "offline"
    write(blocks / f"memory{FIRST}/state", "offline")


def test_mount_is_gone_after_a_stop(rack):
    mount = rack.state / "sys"
    assert os.path.ismount(mount)
    rack.stop()
    assert not os.path.ismount(mount)
    rack.start()
    assert os.path.ismount(mount)


def test_all_of_the_tree_can_be_walked(rack, blocks):
    write(blocks / "probe", f"{GIB:#x}")
    seen = set()
    for folder, folders, files in os.walk(rack.state / "sys"):
        for name in files:
            path = os.path.join(folder, name)
            if os.stat(path).st_mode & 0o444:
                assert not os.path.isfile(path) or read(path) is not None
            else:
                with pytest.raises(OSError):
                    read(path)
            seen.add(name)
        for name in folders:
            assert os.path.exists(os.path.join(folder, name))
            seen.add(name)
    assert {"cb0", "cb1", "devices", "system", "memory", "node", "memory8", "node0", "node1",
            "removable", "phys_device", "auto_online_blocks", "has_memory"} <= seen
    assert read(blocks / "memory8/removable") == "1"
    assert read(blocks / "auto_online_blocks") == "offline"
    for missing in ("memory08", "memory9", "memory-1", "memoryx", "memory8/node0", "memory8/x",
                    "../node/node7", "../node/node1/memory0"):
        assert not (blocks / missing).exists(), missing
    assert not (rack.state / "sys/mb0").exists()


def test_a_late_write_holds_up_nobody_else(rack, blocks):
    write(blocks / "probe", f"{GIB:#x}")
    rack.control("fault-arm", device="cb0", operation="online_movable", action="delay", ms=800,
                 count=1)
    late = threading.Thread(target=write, args=(blocks / f"memory{FIRST}/state", "online_movable"))
    begun = time.monotonic()
    late.start()
    time.sleep(0.05)
    assert read(blocks / f"memory{FIRST}/state") == "offline"
    assert read(rack.sysfs("cb1") / "memory/memory0/state") == "online"
    assert time.monotonic() - begun < 0.7
    late.join()
    assert read(blocks / f"memory{FIRST}/state") == "online"


def test_stop_waits_for_nobody_who_holds_the_tree(rack):
    # Pins the mount; an open folder would too, but libfuse leaks its handle then.
    held = os.open(rack.sysfs("cb0") / "memory", os.O_PATH)
    try:
        rack.stop()
        rack.start()
        assert read(rack.sysfs("cb0") / "memory/memory0/state") == "online"
    finally:
        os.close(held)
