"""/healthz: 200 while the hardware keeps what it is told, else 503 and why."""

import sys

import pytest

import harness

sys.path.insert(0, str(harness.SOURCE / "tests/fixtures"))
from healthz import Health, free_port  # noqa: E402  (ours, found by the path above)


def test_state_that_cannot_be_kept_is_told(rack):
    rack.stop()
    rack.metrics_port = free_port()
    rack.start()
    health = Health(rack.metrics_port)
    health.await_well()
    switch = rack.open("el0")
    (rack.state / "state.new").unlink(missing_ok=True)
    (rack.state / "state.new").mkdir()
    with pytest.raises(harness.Refused):
        switch.ask("connect 0 2")
    health.await_ill("the rack's state is not kept")
    (rack.state / "state.new").rmdir()
    switch.ask("connect 1 3")
    health.await_well()
