"""A broker that falls silent and closes nothing is noticed by heartbeats, and connected to again when it speaks."""

import contextlib
import signal

import pytest
from bed import wait_until
from outage_bed import CLIENT, REQUEST, Asking, Link
from testbed_view import control

AGENT = "agent-1"


@pytest.fixture(name="bed")
def fixture_bed(outage_bed):
    yield outage_bed
    outage_bed.release_all()


@contextlib.contextmanager
def held_up(bed):
    """What they send waits on the way, and so does what is sent to them."""
    del bed
    links = [Link("broker", client) for client in (CLIENT, AGENT)]
    for link in links:
        link.ask("pause", link=link.name)
    try:
        yield
    finally:
        for link in links:
            link.heal()


@contextlib.contextmanager
def stopped(bed):
    """The broker's processes stand still."""
    broker = bed.server("rabbitmq")
    broker.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        broker.signal(signal.SIGCONT)


def is_connected(bed, daemon):
    """As its metrics say of each of its connections."""
    lines = [line for line in control(bed.controls[daemon], "metrics")["text"].splitlines() if line.startswith("sdm_amqp_connected{")]
    assert lines
    return [line.endswith(" 1") for line in lines]


@pytest.mark.parametrize("silent", [held_up, stopped])
def test_a_silent_broker_is_noticed(bed, silent):
    asking = Asking()
    asking.ask("s10.reserve", request=REQUEST)
    asking.insist()
    held = bed.demo.write("s10.reserve", request=REQUEST)["reservation"]["reservation"]
    with silent(bed):
        # The broker may have taken these, or may not.
        attach = asking.ask("s10.attach", reservation=held, target={"compute_brick": "cb0"}, wait="guest", timeout_ms=60000)
        asking.ask("s10.reserve", request=REQUEST)
        for daemon in (CLIENT, AGENT):
            wait_until(f"{daemon} notices", lambda daemon=daemon: not any(is_connected(bed, daemon)), 60)
        bed.health.await_ill("leads without a connection to the broker")
    for daemon in (CLIENT, AGENT):
        wait_until(f"{daemon} is back", lambda daemon=daemon: all(is_connected(bed, daemon)), 60)
    bed.health.await_well()
    asking.insist()
    assert asking.answers[attach][0][1]["reservation"]["state"] == "attached"
    asking.check()
    assert bed.admin.depth("sdm.dead") == 0
    asking.close()
