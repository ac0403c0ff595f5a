import uuid

import pytest

import harness
import letters


def pytest_configure(config):
    config.addinivalue_line("markers", "fault_points: arms fault points, which only some builds have")


@pytest.fixture(scope="session")
def bed():
    running = harness.Bed()
    yield running
    running.down()


@pytest.fixture(scope="module", autouse=True)
def no_letters_of_others(bed):
    """Queues outlive the tests of a module, and some of them bury what nobody can read."""
    client = harness.Client(bed.broker)
    client.purge()
    client.close()


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


# --- For tests of dead letters, which are in queues that all controllers share.

@pytest.fixture(scope="module")
def metered(bed):
    """One with metrics, for the tests that do not end it."""
    running = harness.Controller(bed, bed.new_database(), options=[letters.METRICS]).wait_serving()
    yield running
    if running.process.poll() is None:
        running.stop()
    running.remove()


@pytest.fixture
def instead(start, metered):
    """Others take its place: the queues are the same.  Their metrics are at the same port, too."""
    if metered.process.poll() is None:
        metered.stop()
    return lambda *args, **options: start(*args, options=[letters.METRICS], **options)


@pytest.fixture
def purged(bed):
    """A client, and queues that hold nothing of other tests."""
    client = harness.Client(bed.broker)
    client.purge()
    yield client
    client.purge()
    client.close()


@pytest.fixture
def prepared(bed, instead, purged):
    """A database with a rack; and nobody who serves it."""
    database = bed.new_database()
    controller = instead(database).wait_serving()
    names, topology = harness.small_topology("dead")
    purged.ok("s11.register/1", {"key": harness.key(), "topology": topology})
    controller.stop()
    alice = harness.Client(bed.broker, "alice")
    yield database, names, alice
    alice.close()
