import pytest

import harness


@pytest.fixture
def rack():
    running = harness.Rack(harness.small_rack()).start()
    try:
        yield running
    finally:
        running.remove()
