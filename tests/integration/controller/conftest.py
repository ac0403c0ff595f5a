import uuid

import pytest

import harness


@pytest.fixture(scope="session")
def bed():
    running = harness.Bed()
    yield running
    running.down()


@pytest.fixture(scope="module")
def controller(bed):
    """One for the tests of a module, on a database of their own; ends cleanly after them."""
    running = harness.Controller(bed, bed.new_database()).wait_serving()
    try:
        yield running
        running.stop()
    finally:
        running.remove()


@pytest.fixture
def client(bed, controller):
    made = []

    def make(who="admin"):
        made.append(harness.Client(bed.broker, who))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def rack(client):
    """A rack registered for this test alone: the names of its parts."""
    names, topology = harness.small_topology(f"x{uuid.uuid4().hex[:8]}")
    client().ok("s11.register/1", {"key": harness.key(), "topology": topology})
    return names


@pytest.fixture
def start(bed):
    """Starts controllers that the test ends itself, or that are ended the hard way after it."""
    made = []

    def make(*args, **options):
        made.append(harness.Controller(bed, *args, **options))
        return made[-1]

    yield make
    for one in made:
        one.remove()
