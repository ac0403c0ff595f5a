import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "emurack"))

import agent as agents  # noqa: E402
import harness  # noqa: E402

BROKER = os.environ["SDM_BROKER"]
BRICK = "cb0"


@pytest.fixture
def rack():
    """cb0's two ports lead to mb0 (module 1, 1 GiB) of its tray."""
    running = harness.Rack(harness.small_rack()).start()
    try:
        switch = running.open("el0")
        switch.ask("connect 0 2")
        switch.ask("connect 1 3")
        running.switch = switch
        yield running
    finally:
        running.remove()


@pytest.fixture
def controller():
    made = agents.Controller(BROKER, BRICK)
    yield made
    made.close()


@pytest.fixture
def agent(rack, controller):
    """On the emulated rack, without guests."""
    del controller
    made = agents.Agent(BRICK, BROKER, f"--rmc-socket={rack.state / 'rmc' / 'cb0.sock'}",
                        f"--sysfs-root={rack.state / 'sys' / 'cb0'}", "--libvirt-uri=",
                        "--look-interval=1000")
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture
def fake(controller):
    """On a fake brick with two guests."""
    del controller
    made = agents.Agent(BRICK, BROKER, "--backend=fake", "--look-interval=1000")
    try:
        made.start()
        for number, vm in enumerate(VMS):
            made.control("fake-vm-start", vm=vm, name=f"guest{number}", n_slots=3,
                         memory_bytes=256 * agents.MIB, max_memory_bytes=4 * agents.GIB)
        yield made
    finally:
        made.remove()


VMS = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"]


@pytest.fixture
def vms():
    return VMS
