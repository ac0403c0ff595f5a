import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "deploy/lib"))

import bed as beds  # noqa: E402  (uses the path above)


@pytest.fixture(scope="session")
def bed():
    made = beds.Bed()
    try:
        yield made.up()
    finally:
        made.down()


@pytest.fixture
def held(bed):
    """Makes reservations of project demo that are given back after the test."""
    made = []

    def make(**more):
        reply = bed.demo.write("s10.reserve", lease_s=600, request=beds.request(**more))
        made.append(reply["reservation"]["reservation"])
        return made[-1]

    yield make
    for reservation in made:
        if bed.demo.call("s10.show", reservation=reservation)["reservation"]["state"] not in ("released", "releasing"):
            bed.demo.write("s10.release", reservation=reservation, wait="fabric")
