"""Parts that go away: the lane waits, nothing is lost, nothing is done twice."""

import signal
import time

import pika
import pytest

from harness import Client, MIB, Proxy, key, plan_request, small_topology
from urllib.parse import urlsplit


@pytest.fixture
def database_away(bed, start):
    proxy = Proxy(bed.port)
    controller = start(bed.new_database(), port=proxy.port).wait_serving()
    client = Client(bed.broker)
    names, topology = small_topology("away")
    client.ok("s11.register/1", {"key": key(), "topology": topology})
    alice = Client(bed.broker, "alice")
    yield proxy, controller, alice, names
    proxy.heal()
    alice.close()
    client.close()
    controller.stop()
    proxy.close()


def n_reservations(bed, controller):
    return int(bed.psql(controller.database, "SELECT count(*) FROM sdm.reservation"))


def test_requests_wait_for_the_database(bed, database_away):
    proxy, controller, alice, names = database_away
    proxy.cut()
    asked = [alice.send("s10.reserve/1", {"key": key(), "request": plan_request(names["c"], 128 * MIB)})
             for _ in range(10)]
    asked.append(alice.send("s10.list/1", {}))
    time.sleep(1.5)
    alice.connection.process_data_events(0.1)
    assert not alice.replies
    proxy.heal()
    assert all(alice.wait(one)[0] != "error/1" for one in asked)
    assert n_reservations(bed, controller) == 10
    assert alice.depth("sdm.dead") == 0


def test_an_unanswered_commit_is_settled(bed, database_away):
    proxy, controller, alice, names = database_away
    for round_ in range(1, 6):
        proxy.cut_at = (b"stored_reply_insert", b"sdm_pg_commit")
        reply = alice.ok("s10.reserve/1",
                         {"key": key(), "request": plan_request(names["c"], 128 * MIB)})
        assert reply["reservation"]["state"] == "held"
        assert n_reservations(bed, controller) == round_
        assert proxy.n_cuts == round_
    used = [d.get("used_bytes", 0) for d in controller.ask("graph", rack=names["r"])["result"]["devices"]]
    assert sum(used) == 5 * 128 * MIB


def test_a_session_that_is_ended_in_the_middle(bed, database_away):
    _, controller, alice, names = database_away
    for _ in range(5):
        asked = [alice.send("s10.reserve/1",
                            {"key": key(), "request": plan_request(names["c"], 128 * MIB)})
                 for _ in range(3)]
        bed.psql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                             f" WHERE datname = '{controller.database}'", role="postgres")
        assert all(alice.wait(one)[0] == "s10.reply/1" for one in asked)
    assert n_reservations(bed, controller) == 15


def test_a_stop_while_the_database_is_away_leaves_requests_to_the_next(bed, start, database_away):
    proxy, controller, alice, names = database_away
    proxy.cut()
    body = {"key": key(), "request": plan_request(names["c"], 128 * MIB)}
    asked = alice.send("s10.reserve/1", body)
    time.sleep(0.5)
    controller.stop()
    second = start(controller.database).wait_serving()
    assert alice.wait(asked)[0] == "s10.reply/1"
    assert n_reservations(bed, controller) == 1
    second.stop()


def test_the_broker_goes_and_comes(bed, start):
    parts = urlsplit(bed.broker)
    proxy = Proxy(parts.port)
    broker = bed.broker.replace(f":{parts.port}/", f":{proxy.port}/")
    controller = start(bed.new_database(), broker=broker).wait_serving()
    client, alice = Client(bed.broker), Client(bed.broker, "alice")
    names, topology = small_topology("broker")
    client.ok("s11.register/1", {"key": key(), "topology": topology})
    bodies = [{"key": key(), "request": plan_request(names["c"], 128 * MIB)} for _ in range(30)]
    asked = []
    for n, body in enumerate(bodies):
        asked.append(alice.send("s10.reserve/1", body))
        if n % 10 == 5:
            proxy.cut()
            proxy.heal()
    # Delivered again or not, each is answered, and done once.
    assert all(alice.wait(one, 40)[0] == "s10.reply/1" for one in asked)
    assert n_reservations(bed, controller) == 30
    assert all(len({str(r) for r in replies}) == 1 for replies in alice.replies.values())
    alice.close()
    client.close()
    controller.stop()
    proxy.close()


def test_a_full_queue_refuses_and_loses_nothing(bed, start):
    # Queues keep the length that they were made with; those after this test make them anew.
    def forget_queues():
        for queue in ("sdm.s10", "sdm.s11"):
            client.channel.queue_delete(queue)

    client = Client(bed.broker)
    forget_queues()
    controller = start(bed.new_database(), options=["--max-queued=20", "--prefetch=4"]).wait_serving()
    names, topology = small_topology("full")
    client.ok("s11.register/1", {"key": key(), "topology": topology})
    alice, publishing = Client(bed.broker, "alice"), Client(bed.broker, "alice")
    publishing.queue = alice.queue
    publishing.channel.confirm_delivery()
    controller.kill(signal.SIGSTOP)
    taken, n_refused = [], 0
    for _ in range(40):
        try:
            taken.append(publishing.send("s10.reserve/1",
                                         {"key": key(), "request": plan_request(names["c"], 128 * MIB)}))
        except pika.exceptions.NackError:
            n_refused += 1
    controller.kill(signal.SIGCONT)
    # A quorum queue looks at its length after it has taken a message; four are with the controller.
    assert n_refused >= 10 and len(taken) >= 20
    assert all(alice.wait(one)[0] == "s10.reply/1" for one in taken)
    assert n_reservations(bed, controller) == len(taken)
    assert alice.depth("sdm.dead") == 0
    alice.ok("s10.list/1", {})
    controller.stop()
    forget_queues()
    for one in (client, alice, publishing):
        one.close()
