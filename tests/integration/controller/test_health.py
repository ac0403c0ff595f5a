"""/healthz: 200 while a controller can do its work, else 503 and why."""

import sys
from urllib.parse import urlsplit

import pytest

from harness import SOURCE, Proxy

sys.path.insert(0, str(SOURCE / "tests/fixtures"))
from healthz import Health, free_port  # noqa: E402  (ours, found by the path above)


@pytest.fixture
def proxies(bed):
    parts = urlsplit(bed.broker)
    made = Proxy(parts.port), Proxy(bed.port)
    made[0].uri = bed.broker.replace(f":{parts.port}/", f":{made[0].port}/")
    yield made
    for proxy in made:
        proxy.close()


def test_a_leader_needs_broker_and_database(bed, start, proxies):
    broker, database = proxies
    leader = Health(free_port())
    controller = start(bed.new_database(), port=database.port, broker=broker.uri,
                       options=[f"--metrics-port={leader.port}"])
    leader.await_well()
    broker.cut()
    leader.await_ill("leads without a connection to the broker")
    broker.heal()
    leader.await_well()
    database.cut()
    leader.await_ill("leads without a beat")
    database.heal()
    leader.await_well()
    controller.stop()


def test_a_standby_needs_the_leaders_beat_alone(bed, start, proxies):
    broker, database = proxies
    name = bed.new_database()
    first = start(name, name="one").wait_serving()
    broker.cut()
    standby = Health(free_port())
    second = start(name, name="two", port=database.port, broker=broker.uri,
                   options=[f"--metrics-port={standby.port}"])
    standby.await_well()
    database.cut()
    standby.await_ill("seen no leader's row")
    database.heal()
    standby.await_well()
    second.stop()
    first.stop()
