import bed as beds
import outage_bed as outage_beds
import pytest


@pytest.fixture(scope="session")
def bed():
    with beds.running(beds.Bed) as made:
        yield made


@pytest.fixture(scope="session")
def outage_bed():
    with beds.running(outage_beds.OutageBed) as made:
        yield made
