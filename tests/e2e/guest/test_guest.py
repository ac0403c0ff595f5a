"""A segment file becomes memory of a running guest and leaves it again, seen from the guest, from libvirt and
in the file's bytes."""

import time

import pytest

from conftest import find_pattern, run_testbed
from serial import Refused

SEED = 0xABCDEF0123456789


def attached(guest, path, alias):
    """Attaches and waits for the guest; returns MemTotal before."""
    before = guest.last_memtotal_kib()
    guest.attach(path, alias)
    guest.wait_memtotal(before + path.stat().st_size // 1024)
    return before


def test_grows_fills_and_shrinks(guest, segment):
    first = segment("first", 512)
    second = segment("second", 128)
    other = segment("other", 128)
    boot_kib = attached(guest, first, "ua-first")
    attached(guest, second, "ua-second")
    assert guest.memory_kib() == ((256 + 640) << 10, (256 + 640) << 10)

    filled = guest.run(f"fill hotplug {SEED:#x}")
    assert filled["missing"] == 0
    assert filled["hot"] == filled["pages"] == (640 << 20) // 4096
    dimms = guest.dimms()
    for alias, path in (("ua-first", first), ("ua-second", second)):
        [found] = find_pattern("right", f"{SEED:#x}", dimms[alias], path)
        assert (found["n_right"], found["n_wrong"]) == (found["n_pages"], 0), path
    assert find_pattern("any", f"{SEED:#x}", other)[0]["n_any"] == 0
    verified = guest.run(f"verify {SEED:#x}")
    assert (verified["pages"], verified["bad"]) == (filled["pages"], 0)

    guest.run("free")
    guest.detach("ua-second")
    guest.wait_dimms(1)
    guest.detach("ua-first")
    guest.wait_dimms(0)
    guest.wait_memtotal(boot_kib)
    assert guest.memory_kib() == (256 << 10, 256 << 10)
    # The segment is its owner's: libvirt removes the link, never the file behind it.
    assert first.stat().st_size == 512 << 20
    assert not list(guest.link_folder().glob("ua-*"))


def test_the_finder_sees_a_page_at_the_wrong_place(guest, segment):
    path = segment("wrong", 128)
    attached(guest, path, "ua-wrong")
    guest.run("fill hotplug 0x51")
    base = guest.dimms()["ua-wrong"]
    [shifted] = find_pattern("right", "0x51", base + 4096, path)
    assert (shifted["n_right"], shifted["n_wrong"]) == (0, (128 << 20) // 4096)
    [other_seed] = find_pattern("right", "0x52", base, path)
    assert other_seed["n_right"] == 0
    assert find_pattern("zero", path)[0]["n_nonzero_bytes"] > 0
    guest.run("free")
    guest.detach("ua-wrong")
    guest.wait_dimms(0)


def hold(guest, timeout=30.0):
    """The guest pins a page of new memory, as soon as its kernel hands one out."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return guest.run("hold")["pages"]
        except Refused:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def test_memory_in_use_stays_until_the_guest_lets_go(guest, segment):
    path = segment("held", 128)
    boot_kib = attached(guest, path, "ua-held")
    assert hold(guest) == 1
    guest.detach("ua-held")
    time.sleep(1.0)
    assert "ua-held" in guest.dimms()
    assert guest.run("release")["pages"] == 1
    guest.run("free")
    guest.wait_dimms(0)
    guest.wait_memtotal(boot_kib)


def test_libvirtd_restarts_beside_its_guest(guest, segment):
    path = segment("kept", 128)
    boot_kib = attached(guest, path, "ua-kept")
    guest.run("fill hotplug 0x77")
    run_testbed("restart libvirtd-1", guest.testbed_dir)
    assert list(guest.dimms()) == ["ua-kept"]
    assert guest.run("verify 0x77")["bad"] == 0
    guest.run("free")
    guest.detach("ua-kept")
    guest.wait_dimms(0)
    guest.wait_memtotal(boot_kib)


@pytest.mark.parametrize("command, reason", [
    ("fill 0 1", "not that much free memory"),
    ("fill 100000 1", "not that much free memory"),
    ("fill hotplug 1", "no memory is plugged in"),
    ("fill hotplug seed", "usage"),
    ("hold", "no page of hot-plugged memory"),
    ("verify", "usage"),
    ("dance", "unknown command"),
])
def test_bad_commands_are_refused(guest, command, reason):
    with pytest.raises(Refused, match=reason):
        guest.run(command)
