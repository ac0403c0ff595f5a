"""Every planted mistake is caught, by the invariant that it breaks; and without one, the same traffic is clean.

One system for all: between two mistakes the database is made anew from a copy, the hardware starts empty, and the daemons
start again."""

import argparse
import os
import shutil
import tempfile
import time

import pytest
from storm.run import Campaign
from storm.sabotage import SABOTAGES

BUILD = os.environ.get("SDM_BUILD", str(Campaign.ROOT / "build/debug"))
# The campaign's promise is five minutes.
CATCH_S = 60


@pytest.fixture(scope="module")
def campaign():
    folder = tempfile.mkdtemp(prefix="sdm-sabotage-", dir="/tmp")
    os.chmod(folder, 0o711)
    options = argparse.Namespace(seed=5, minutes=0.0, sabotage=None, clients=40, calm=True, only=None, json=None, build=BUILD,
                                 clock=False)
    made = Campaign(folder, options)
    try:
        made.fleet.up()
        made.keep_copy()
        yield made
    finally:
        made.down()
        shutil.rmtree(folder, ignore_errors=True)


def storm(campaign, name, seconds):
    campaign.start_anew(name)
    return campaign.run_until_caught(seconds)


@pytest.mark.parametrize("name", SABOTAGES)
def test_is_caught(campaign, name):
    start = time.monotonic()
    violations = storm(campaign, name, CATCH_S)
    assert violations, f"{name} was not caught within {CATCH_S} s"
    found = {item["invariant"] for item in violations}
    assert found & set(SABOTAGES[name].invariants), violations
    print(f"{name}: caught after {violations[0]['at_s']} s as {sorted(found)}, {time.monotonic() - start:.1f} s in all")
