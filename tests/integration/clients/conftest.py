import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
for folder in ("deploy/lib", "tests/fixtures"):
    sys.path.insert(0, str(ROOT / folder))

import bed as beds  # noqa: E402  (uses the path above)


@pytest.fixture(scope="session")
def bed():
    made = beds.Bed()
    try:
        yield made.up()
    finally:
        made.down()


@pytest.fixture(autouse=True)
def wire(bed):
    """Every message that was published during the test is as its schema says."""
    yield bed.wire
    bed.wire.catch_up(bed.admin)
    assert not bed.wire.wrong
    assert not bed.wire.forget_bad_requests()


@pytest.fixture
def held(bed):
    """Makes reservations that are given back after the test."""
    made = []

    def make(client=None, size_bytes=beds.UNIT, brick="cb3", mode="device", latency_class="tray", lease_s=600):
        client = client or bed.demo
        reply = client.write("s10.reserve", lease_s=lease_s, request=beds.request(
            brick, size_bytes, latency_class, mode))
        made.append((client, reply["reservation"]["reservation"]))
        return reply["reservation"]

    yield make
    for client, reservation in made:
        if client.call("s10.show", reservation=reservation)["reservation"]["state"] not in ("released", "releasing"):
            client.write("s10.release", reservation=reservation, wait="fabric")
