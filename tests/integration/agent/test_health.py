"""/healthz: 200 while an agent reaches its brick and the broker, else 503 and why."""

import os
import sys

import pytest

import agent as agents

sys.path.insert(0, str(agents.SOURCE / "tests/fixtures"))
from healthz import Health, free_port  # noqa: E402  (ours, found by the path above)

NOWHERE = "amqp://guest:guest@127.0.0.1:1/%2f"


@pytest.fixture
def start(controller):
    del controller
    made = []

    def make(broker, *options):
        health = Health(free_port())
        made.append(agents.Agent("cb0", broker, f"--metrics-port={health.port}", "--look-interval=200", *options))
        made[-1].start()
        return health

    yield make
    for one in made:
        one.remove()


def test_an_agent_needs_its_brick(rack, start):
    health = start(os.environ["SDM_BROKER"], f"--rmc-socket={rack.state / 'rmc' / 'cb0.sock'}",
                   f"--sysfs-root={rack.state / 'sys' / 'cb0'}", "--libvirt-uri=")
    health.await_well()
    rack.kill()
    health.await_ill("remote memory controller does not answer")
    rack.start()
    health.await_well()


def test_an_agent_needs_the_broker(start):
    start(NOWHERE, "--backend=fake").await_ill("no connection to the broker")
    start(os.environ["SDM_BROKER"], "--backend=fake").await_well()


def test_an_agent_needs_libvirt(rack, start, tmp_path):
    start(os.environ["SDM_BROKER"], f"--rmc-socket={rack.state / 'rmc' / 'cb0.sock'}", "--sysfs-root=",
          f"--libvirt-uri=qemu:///system?socket={tmp_path}/none").await_ill("libvirt does not answer")
