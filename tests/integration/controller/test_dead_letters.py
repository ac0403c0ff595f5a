"""Messages that cannot be carried out: each ends in the dead-letter queue with its reason, and nothing else does."""

import json
import re
import signal
import subprocess
from urllib.parse import urlsplit

import pika
import pytest

from harness import MIB, Proxy, eventually, key, plan_request
from letters import CRASHED, metrics_text, poison_counts, take_letters

GONE = "00000000-0000-4000-8000-000000000000"

POISON = [
    ("no JSON", "s10.reserve/1", b"{", "MALFORMED", "unreadable"),
    ("no JSON at all", "s11.show/1", bytes(range(256)), "MALFORMED", "unreadable"),
    ("unknown type", "s10.dance/1", {}, "UNKNOWN_MESSAGE", "unknown"),
    ("unknown version", "s10.show/9", {}, "UNKNOWN_MESSAGE", "unknown"),
    ("a type that is no request", "s7.report/1", {}, "UNKNOWN_MESSAGE", "unknown"),
    ("a type of strange bytes", "s10.\x01\x7f", {}, "UNKNOWN_MESSAGE", "unknown"),
    ("no type", None, {}, "UNKNOWN_MESSAGE", "unknown"),
]


@pytest.mark.parametrize("type_,body,code,reason", [row[1:] for row in POISON], ids=[row[0] for row in POISON])
def test_what_nobody_can_read_is_kept_with_its_reason(metered, purged, type_, body, code, reason):
    before = poison_counts()
    topic = "s11" if type_ and type_.startswith("s11") else "s10"
    correlation = purged.send(type_, body, key=topic)
    reply_type, told = purged.wait(correlation)
    assert (reply_type, told["code"]) == ("error/1", code)
    (properties, kept), = take_letters(purged, 1)
    assert kept == (body if isinstance(body, bytes) else json.dumps(body).encode())
    assert (properties.type, properties.correlation_id) == (type_, correlation)
    headers = properties.headers
    assert (headers["sdm-code"], headers["sdm-reason"]) == (code, told["text"])
    assert (headers["sdm-queue"], headers["sdm-exchange"], headers["sdm-routing-key"]) == (f"sdm.{topic}", "sdm", topic)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", headers["sdm-at"])
    assert poison_counts() == {**before, reason: before[reason] + 1}
    # It is in one place only, and the lane goes on.
    assert purged.depth(f"sdm.{topic}") == 0
    purged.ok("s10.list/1", {})


def test_a_strangers_message_is_refused_and_not_kept(metered, purged):
    for type_, body in (("s10.reserve/1", b"{"), ("s10.dance/1", {}), (None, b"\xff")):
        assert purged.refused(type_, body, token="nobody-knows-me")["code"] == "UNAUTHENTICATED"
    purged.ok("s10.list/1", {})
    assert purged.depth("sdm.dead") == 0


def test_what_is_read_and_turned_down_is_no_dead_letter(metered, purged):
    assert purged.refused("s10.show/1", {"reservation": GONE})["code"] == "NOT_FOUND"
    assert purged.refused("s10.show/1", {"reservation": 7})["code"] == "WRONG_TYPE"
    assert purged.depth("sdm.dead") == 0


def test_a_sender_cannot_write_the_reason(metered, purged):
    purged.channel.basic_publish("sdm", "s10", b"{", pika.BasicProperties(
        type="s10.reserve/1", headers={"sdm-token": purged.token, "sdm-code": "OK", "sdm-queue": "elsewhere", "x-mine": "1",
                                       "mine": "2"}))
    (properties, _), = take_letters(purged, 1)
    assert properties.headers["sdm-code"] == "MALFORMED"
    assert properties.headers["sdm-queue"] == "sdm.s10"
    assert "x-mine" not in properties.headers and properties.headers["mine"] == "2"


def test_a_report_that_nobody_can_read(bed, metered, purged):
    """Its sender is known to the broker, so it is kept, with the sender; one that nobody has checked is not."""
    user = urlsplit(bed.broker).username
    for user_id in (user, None):
        for type_, body in (("s7.report/1", b"{"), ("s7.gossip/1", b"{}")):
            purged.channel.basic_publish("sdm.reports", "0", body, pika.BasicProperties(type=type_, user_id=user_id))
    letters = take_letters(purged, 2)
    assert [(p.type, p.headers["sdm-code"], p.headers["sdm-user-id"], p.headers["sdm-queue"]) for p, _ in letters] == [
        ("s7.report/1", "MALFORMED", user, "sdm.reports.0"), ("s7.gossip/1", "UNKNOWN_MESSAGE", user, "sdm.reports.0")]
    eventually(lambda: purged.depth("sdm.reports.0") == 0)
    assert purged.depth("sdm.dead") == 0


def test_metrics_are_wellformed(metered, purged):
    done = subprocess.run(["promtool", "check", "metrics"], input=metrics_text(), capture_output=True, text=True)
    assert done.returncode == 0 and "sdm_poison" not in done.stdout + done.stderr, done.stdout + done.stderr


class Doomed:
    """A controller that is started again whenever it ends, with the same faults."""

    def __init__(self, start, database, faults):
        self.start = lambda: start(database, env={"SDM_FAULT": faults})
        self.running = self.start()
        self.n_crashes = 0

    def keep(self):
        status = self.running.process.poll()
        if status is not None:
            assert status == CRASHED, self.running.logged()
            self.n_crashes += 1
            self.running = self.start()

    def wait(self, check, seconds=60):
        def kept():
            self.keep()
            return check()
        return eventually(kept, seconds)


def has_reply(client, correlation):
    client.connection.process_data_events(0.01)
    return correlation in client.replies


@pytest.mark.parametrize("type_,body", [
    ("s10.release/1", {"key": "poison", "reservation": GONE}),
    ("s10.list/1", {}),
], ids=["writing", "reading"])
@pytest.mark.fault_points
def test_a_message_that_ends_the_controller_each_time(bed, instead, purged, prepared, type_, body):
    """It is told so after a bounded number of crashes; what was handed out beside it is carried out."""
    database, names, alice = prepared
    doomed = Doomed(instead, database, f"request.{type_}=crash")

    def reserve():
        return alice.send("s10.reserve/1", {"key": key(), "request": plan_request(names["c"], 128 * MIB)})

    asked = [reserve() for _ in range(15)]
    poison = alice.send(type_, body)
    asked += [reserve() for _ in range(15)]
    doomed.wait(lambda: has_reply(alice, poison))
    reply_type, told = alice.replies[poison][0]
    assert (reply_type, told["code"]) == ("error/1", "INTERNAL")
    doomed.wait(lambda: all(has_reply(alice, one) for one in asked))
    assert {alice.replies[one][0][0] for one in asked} == {"s10.reply/1"}
    assert 3 <= doomed.n_crashes <= 6
    (properties, kept), = take_letters(purged, 1)
    assert json.loads(kept) == body and properties.type == type_
    assert properties.headers["sdm-code"] == "INTERNAL"
    assert re.fullmatch(r"tried alone \d times, and each time the controller ended before it was done",
                        properties.headers["sdm-reason"])
    assert properties.headers["sdm-queue"] == "sdm.s10" and properties.headers["sdm-exchange"] == "sdm"
    assert int(bed.psql(database, "SELECT count(*) FROM sdm.reservation")) == 30
    assert [purged.depth(queue) for queue in ("sdm.s10", "sdm.s11", "sdm.trial")] == [0, 0, 0]
    assert poison_counts()["unfinished"] == 1
    doomed.running.stop()


@pytest.mark.fault_points
def test_a_message_that_fails_and_then_succeeds(instead, purged, prepared):
    database, _, alice = prepared
    point = "request.s10.release/1=fail"
    controller = instead(database, env={"SDM_FAULT": ",".join(3 * [point])}).wait_serving()
    assert alice.refused("s10.release/1", {"key": key(), "reservation": GONE})["code"] == "NOT_FOUND"
    assert purged.depth("sdm.dead") == 0 and purged.depth("sdm.trial") == 0
    assert set(poison_counts().values()) == {0}
    controller.stop()


@pytest.mark.fault_points
def test_a_message_that_fails_each_time(instead, purged, prepared):
    database, _, alice = prepared
    point = "request.s11.show/1=fail"
    controller = instead(database, env={"SDM_FAULT": ",".join(4 * [point])}).wait_serving()
    assert alice.refused("s11.show/1", {})["code"] == "INTERNAL"
    (properties, _), = take_letters(purged, 1)
    assert (properties.headers["sdm-code"], properties.headers["sdm-queue"]) == ("INTERNAL", "sdm.s11")
    assert properties.headers["sdm-reason"] == "fault point 'request.s11.show/1'"
    assert poison_counts()["failed"] == 1
    # The same again finds nothing in its way.
    alice.ok("s11.show/1", {})
    controller.stop()


@pytest.mark.parametrize("action", ["crash", "fail"])
@pytest.mark.fault_points
def test_a_crash_between_the_letter_and_its_acknowledgement(instead, purged, prepared, action):
    database, _, alice = prepared
    controller = instead(database, env={"SDM_FAULT": f"dead.published={action}"}).wait_serving()
    asked = alice.send("s10.dance/1", {})
    if action == "crash":
        assert controller.process.wait(30) == CRASHED
        assert not has_reply(alice, asked)
        eventually(lambda: purged.depth("sdm.s10") == 1)
    else:
        # What was not acknowledged comes again with the end of the connection.
        eventually(lambda: purged.depth("sdm.dead") == 1)
        controller.kill(signal.SIGKILL)
        controller.process.wait()
    second = instead(database).wait_serving()
    assert alice.wait(asked)[1]["code"] == "UNKNOWN_MESSAGE"
    letters = take_letters(purged, 2)
    assert letters[0][1] == letters[1][1] == b"{}"
    eventually(lambda: purged.depth("sdm.s10") == 0)
    second.stop()


def test_outages_are_nobodys_fault(bed, instead, purged, prepared):
    """Requests that wait for the database come back with each connection that the broker loses; none is given up."""
    database, names, alice = prepared
    parts = urlsplit(bed.broker)
    database_proxy, broker_proxy = Proxy(bed.port), Proxy(parts.port)
    controller = instead(database, port=database_proxy.port,
                       broker=bed.broker.replace(f":{parts.port}/", f":{broker_proxy.port}/")).wait_serving()
    database_proxy.cut()
    alice.channel.confirm_delivery()
    asked = [alice.send("s10.reserve/1", {"key": key(), "request": plan_request(names["c"], 128 * MIB)})
             for _ in range(10)]
    asked.append(alice.send("s10.list/1", {}))
    for n in range(9):
        eventually(lambda: controller.ask("status")["result"]["broker_connected"], 30)
        # All have been handed out again, or moved and one of them handed out; one may be there twice.
        eventually(lambda: purged.depth("sdm.s10") == 0, 30, f"handed out in round {n}")
        eventually(lambda: n < 2 or purged.depth("sdm.trial") >= len(asked) - 1, 30, f"trial in round {n}")
        broker_proxy.cut()
        eventually(lambda: purged.depth("sdm.s10") + purged.depth("sdm.trial") >= len(asked), 30)
        broker_proxy.heal()
    database_proxy.heal()
    assert all(alice.wait(one, 60)[0] != "error/1" for one in asked)
    assert int(bed.psql(database, "SELECT count(*) FROM sdm.reservation")) == 10
    eventually(lambda: purged.depth("sdm.trial") == 0)
    assert purged.depth("sdm.dead") == 0
    controller.stop()
    database_proxy.close()
    broker_proxy.close()
