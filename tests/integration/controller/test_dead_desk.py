"""What an administrator does with dead letters."""

import json
import re
from urllib.parse import urlsplit

import pika
import pytest

from harness import MIB, eventually, key, plan_request
from letters import CRASHED, metrics_text


def bury(client, n=1):
    """Letters, one after the other."""
    for i in range(n):
        assert client.refused(f"s10.dance{i}/1", {"n": i})["code"] == "UNKNOWN_MESSAGE"
        eventually(lambda: client.depth("sdm.dead") == i + 1)  # noqa: B023


def listed(client, **members):
    return client.ok("s11.dead.list/1", members)


def test_letters_are_listed_in_their_order_and_stay(metered, purged):
    bury(purged, 7)
    first = listed(purged)
    assert [letter["type"] for letter in first["letters"]] == [f"s10.dance{i}/1" for i in range(7)]
    assert first["total"] == 7 and "next" not in first
    letter = first["letters"][3]
    assert {name: letter[name] for name in ("code", "text", "queue", "exchange", "routing_key", "deliveries", "size_bytes")} == {
        "code": "UNKNOWN_MESSAGE", "text": "no message 's10.dance3/1'", "queue": "sdm.s10", "exchange": "sdm",
        "routing_key": "s10", "deliveries": 1, "size_bytes": 8}
    assert len({letter["letter"] for letter in first["letters"]}) == 7
    # Looking changes nothing, however often: no limit of deliveries ends it.
    assert all(listed(purged) == first for _ in range(8))
    pages, after = [], {}
    while not pages or "next" in pages[-1]:
        pages.append(listed(purged, page_size=3, **after))
        after = {"after": pages[-1].get("next")}
    assert [len(page["letters"]) for page in pages] == [3, 3, 1]
    assert sum((page["letters"] for page in pages), []) == first["letters"]
    assert purged.depth("sdm.dead") == 7
    eventually(lambda: "\nsdm_dead_letters 7\n" in metrics_text())


def test_a_letter_is_shown_without_secrets(metered, purged):
    purged.channel.basic_publish("sdm", "s10", b'{"note": "caf\xc3\xa9"}', pika.BasicProperties(
        type="s10.dance/1", reply_to="nowhere", correlation_id="c-1", headers={"sdm-token": purged.token, "trace": "17"}))
    (letter,) = eventually(lambda: listed(purged)["letters"])
    shown = purged.ok("s11.dead.show/1", {"letter": letter["letter"]})
    assert shown == {"letter": letter, "correlation_id": "c-1", "reply_to": "nowhere", "body": '{"note": "café"}',
                     "headers": [{"name": "trace", "text": "17"}]}
    bodies = [(b'{"auth_TOKEN": "x"}', None, "not shown: it holds the word token, password or secret"),
              (b"\xff" * 9, None, "not shown: it is no text"), (b"", "", None),
              ("é".encode() * 40000, "é" * 32768, "cut after 65536 of 80000 bytes")]
    for body, text, note in bodies:
        purged.channel.queue_purge("sdm.dead")
        purged.send("s10.dance/1", body)
        (letter,) = eventually(lambda: listed(purged)["letters"])
        shown = purged.ok("s11.dead.show/1", {"letter": letter["letter"]})
        assert (shown.get("body"), shown.get("note")) == (text, note)
    assert purged.token not in json.dumps(shown) + metered.logged()
    assert purged.refused("s11.dead.show/1", {"letter": "0" * 16})["code"] == "NOT_FOUND"


def test_all_letters_are_sent_again_or_thrown_away(bed, metered, purged):
    user = urlsplit(bed.broker).username
    bury(purged, 3)
    purged.channel.basic_publish("sdm.reports", "0", b"{", pika.BasicProperties(type="s7.report/1", user_id=user))
    eventually(lambda: purged.depth("sdm.dead") == 4)
    letters = {letter["type"]: letter for letter in listed(purged)["letters"]}
    report = letters["s7.report/1"]
    assert report["sender"] == user
    assert purged.refused("s11.dead.requeue/1", {"letters": [report["letter"]]})["code"] == "WRONG_STATE"
    assert purged.refused("s11.dead.requeue/1", {})["code"] == "MISSING_MEMBER"
    assert purged.refused("s11.dead.drop/1", {"all": True, "letters": [report["letter"]]})["code"] == "INVALID_VALUE"
    one = letters["s10.dance1/1"]["letter"]
    assert purged.ok("s11.dead.drop/1", {"letters": [one]}) == {"n": 1, "n_left": 3, "n_kept": 0}
    assert purged.refused("s11.dead.drop/1", {"letters": [one]})["code"] == "NOT_FOUND"
    # They are as unknown as before, and come to be letters again, with the same names.
    assert purged.ok("s11.dead.requeue/1", {"all": True}) == {"n": 2, "n_left": 1, "n_kept": 1}
    eventually(lambda: purged.depth("sdm.dead") == 3)
    assert {letter["letter"] for letter in listed(purged)["letters"]} == \
        {letters[name]["letter"] for name in ("s10.dance0/1", "s10.dance2/1", "s7.report/1")}
    assert purged.ok("s11.dead.drop/1", {"all": True}) == {"n": 3, "n_left": 0, "n_kept": 0}
    assert listed(purged) == {"letters": [], "total": 0}
    assert purged.ok("s11.dead.drop/1", {"all": True}) == {"n": 0, "n_left": 0, "n_kept": 0}


@pytest.mark.fault_points
def test_a_letter_is_sent_again_once(bed, instead, purged, prepared):
    """What failed is carried out when it can be, and who asked is told; the others stay where they are."""
    database, names, alice = prepared
    controller = instead(database, env={"SDM_FAULT": ",".join(4 * ["request.s10.reserve/1=fail"])}).wait_serving()
    bury(purged)
    body = {"key": key(), "request": plan_request(names["c"], 128 * MIB)}
    asked = alice.send("s10.reserve/1", body)
    assert alice.wait(asked)[1]["code"] == "INTERNAL"
    eventually(lambda: purged.depth("sdm.dead") == 2)
    other, letter = listed(purged)["letters"]
    assert (letter["type"], letter["code"], letter["queue"]) == ("s10.reserve/1", "INTERNAL", "sdm.s10")
    # All that are named, or none.
    asked_for = {"letters": [letter["letter"], "0" * 16]}
    assert purged.refused("s11.dead.requeue/1", asked_for)["code"] == "NOT_FOUND"
    assert listed(purged)["letters"] == [other, letter]
    assert purged.ok("s11.dead.requeue/1", {"letters": [letter["letter"]]}) == {"n": 1, "n_left": 1, "n_kept": 0}
    eventually(lambda: len(alice.replies[asked]) == 2 or alice.connection.process_data_events(0.01))
    assert alice.replies[asked][1][0] == "s10.reply/1", alice.replies[asked]
    assert alice.ok("s10.reserve/1", body) == alice.replies[asked][1][1]
    assert purged.refused("s11.dead.requeue/1", {"letters": [letter["letter"]]})["code"] == "NOT_FOUND"
    assert listed(purged)["letters"] == [other]
    assert int(bed.psql(database, "SELECT count(*) FROM sdm.reservation")) == 1
    # Who did it is in the audit log.
    assert bed.psql(database, "SELECT actor, count(*) FROM sdm.audit_entry WHERE type = 's11.dead.requeue/1' GROUP BY 1") == \
        "admin|3"
    controller.stop()


def test_what_the_broker_gave_up_says_so(instead, purged, prepared):
    database, names, alice = prepared
    body = {"key": key(), "request": plan_request(names["c"], 128 * MIB)}
    # Nobody serves, so it waits longer than its sender allows; another queue's headers are an invention.
    alice.channel.basic_publish("sdm", "s10", json.dumps(body).encode(), pika.BasicProperties(
        type="s10.reserve/1", expiration="50", reply_to=alice.queue, correlation_id="late",
        headers={"sdm-token": alice.token, "sdm-code": "OK", "sdm-queue": "sdm.s11"}))
    eventually(lambda: purged.depth("sdm.dead") == 1)
    controller = instead(database).wait_serving()
    (letter,) = listed(purged)["letters"]
    assert (letter["code"], letter["queue"], letter["exchange"], letter["routing_key"]) == (
        "EXPIRED", "sdm.s10", "sdm", "s10")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.000000Z", letter["at"])
    purged.ok("s11.dead.requeue/1", {"letters": [letter["letter"]]})
    assert alice.wait("late")[0] == "s10.reply/1"
    assert purged.depth("sdm.dead") == 0
    controller.stop()


@pytest.mark.fault_points
def test_a_crash_while_letters_are_sent_again_loses_none(instead, purged, prepared):
    """Each is at its queue or still a letter: here all are both or one, and what is sent twice is done once."""
    database, _, alice = prepared
    controller = instead(database, env={"SDM_FAULT": "dead.requeued=crash@2"}).wait_serving()
    bury(purged, 3)
    purged.send("s11.dead.requeue/1", {"all": True})
    assert controller.process.wait(30) == CRASHED
    second = instead(database).wait_serving()
    eventually(lambda: purged.depth("sdm.s10") + purged.depth("sdm.s11") == 0)
    eventually(lambda: {letter["type"] for letter in listed(purged)["letters"]} == {f"s10.dance{i}/1" for i in range(3)})
    second.stop()
