"""Listeners of events that do not listen: their queues are their own loss, and nobody else's."""

import os

import pika
import pytest
from bed import live_rows, query, wait_until
from events import Events
from outage_bed import REQUEST

N = 6
QUEUES = {
    "unbounded": {},
    "drops the oldest": {"x-max-length": 3},
    "refuses the newest": {"x-max-length": 3, "x-overflow": "reject-publish"},
}


@pytest.fixture(name="bed")
def fixture_bed(outage_bed):
    yield outage_bed
    outage_bed.release_all()


@pytest.fixture(params=QUEUES)
def unread(request, bed):
    """A queue bound to all events that nobody reads; how many wait in it."""
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["SDM_BROKER"]))
    channel = connection.channel()
    queue = "sdm.events.unread"
    channel.queue_declare(queue, durable=True, arguments=QUEUES[request.param])
    channel.queue_bind(queue, "sdm.events", "event.#")
    yield lambda: bed.admin.depth(queue), QUEUES[request.param]
    channel.queue_delete(queue)
    connection.close()


def live(bed):
    """One reservation from its beginning to its end; the answers that wait come through the outbox, too."""
    name = bed.demo.write("s10.reserve", request=REQUEST)["reservation"]["reservation"]
    bed.demo.write("s10.attach", reservation=name, target={"compute_brick": "cb0"}, wait="guest", timeout_ms=30000)
    bed.demo.write("s10.release", reservation=name, wait="fabric", timeout_ms=30000)
    return name


def test_nobody_else_is_hurt(bed, unread):
    depth, arguments = unread
    listening = Events()
    dropped = 'sdm_outbox_published_total{outcome="dropped"}'
    n_dropped = bed.metric(dropped)
    names = [live(bed) for _ in range(N)]
    for name in names:
        listening.wait("event.reservation/1", lambda event, name=name: (event["reservation"], event["state"]) == (name, "released"))
    wait_until("the outbox is empty", lambda: "outbox" not in live_rows(), 60)
    if "x-overflow" in arguments:
        assert bed.metric(dropped) > n_dropped and bed.logged("outbox-dropped")
    else:
        assert bed.metric(dropped) == n_dropped
    assert depth() == 3 if arguments else depth() >= 3 * N
    assert query("SELECT count(*) FROM sdm.outbox WHERE outbox_no < 0") == [["0"]]
    listening.close()
