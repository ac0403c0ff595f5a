"""What comes in: bad input, strangers, repeats."""

import json
import signal
import time

import pytest

from harness import GIB, MIB, TOKENS, eventually, key, plan_request


def deep():
    return b"[" * 100 + b"]" * 100


BAD = [
    # label, type, body, code
    ("not JSON", "s10.reserve/1", b"{nonsense", "MALFORMED"),
    ("a list", "s10.reserve/1", b"[]", "MALFORMED"),
    ("too deep", "s10.reserve/1", deep(), "MALFORMED"),
    ("empty", "s10.reserve/1", b"", "MALFORMED"),
    ("member twice", "s10.reserve/1", b'{"key":"a","key":"b"}', "MALFORMED"),
    ("wrong type", "s10.show/1", {"reservation": 7}, "WRONG_TYPE"),
    ("unknown member", "s10.show/1", {"reservation": "00000000-0000-4000-8000-000000000000", "why": 1}, "UNKNOWN_MEMBER"),
    ("missing member", "s10.show/1", {}, "MISSING_MEMBER"),
    ("no uuid", "s10.show/1", {"reservation": "x"}, "INVALID_VALUE"),
    ("size 0", "s10.plan/1", plan_request("c", 0), "OUT_OF_RANGE"),
    ("size 2^63", "s10.plan/1", plan_request("c", 1 << 63), "OUT_OF_RANGE"),
    ("unknown class", "s10.plan/1", plan_request("c", latency_class="galaxy"), "INVALID_VALUE"),
    ("unknown message", "s10.dance/1", {}, "UNKNOWN_MESSAGE"),
    ("unknown version", "s10.show/9", {}, "UNKNOWN_MESSAGE"),
    ("no type", None, {}, "UNKNOWN_MESSAGE"),
    ("a fence without a key", "s11.fence/1", {"brick": "c"}, "MISSING_MEMBER"),
]


@pytest.mark.parametrize("type_,body,code", [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input_is_told_and_forgotten(bed, controller, client, type_, body, code):
    admin = client()
    before = bed.psql(controller.database, "SELECT count(*) FROM sdm.stored_reply")
    refusal = admin.refused(type_, body)
    assert refusal["code"] == code, refusal
    assert refusal["text"]
    assert bed.psql(controller.database, "SELECT count(*) FROM sdm.stored_reply") == before
    # What nobody can read is kept for an operator; what is read and turned down is not.
    assert admin.depth("sdm.dead") == (code in ("MALFORMED", "UNKNOWN_MESSAGE"))
    admin.purge()


def test_bad_requests_against_a_rack(client, rack):
    alice = client("alice")
    for body, code in [
        (plan_request(rack["c"], 128 * MIB + 1), "NOT_ALIGNED"),
        (plan_request(rack["c"], 1 << 50), "TOO_LARGE"),
        (plan_request("nobody"), "NOT_FOUND"),
        (plan_request(rack["m1"]), "WRONG_KIND"),
        (plan_request(rack["c"], 8 * GIB + 128 * MIB, latency_class="tray"), "NO_CAPACITY"),
    ]:
        for type_, message in [("s10.plan/1", body),
                               ("s10.reserve/1", {"key": key(), "request": body})]:
            refusal = alice.refused(type_, message)
            assert refusal["code"] in (code, "TOO_LARGE"), (type_, body, refusal)
    refusal = alice.refused("s10.plan/1", plan_request(rack["c"], 8 * GIB - 128 * MIB,
                                                       contiguous=True))
    assert refusal["stages"] and refusal["nearest"]


def test_an_ended_lease_is_told_whether_it_has_been_swept_or_not(bed, controller, client, rack):
    alice = client("alice")
    made = [alice.ok("s10.reserve/1", {"key": key(), "request": plan_request(rack["c"])})["reservation"]["reservation"]
            for _ in range(2)]
    ended, released = made
    alice.ok("s10.release/1", {"key": key(), "reservation": released})
    set_end = "UPDATE sdm.reservation SET lease_end = now() - interval '1 second' WHERE reservation = '{}'"
    bed.psql(controller.database, ";".join(map(set_end.format, made)))
    state = "held"
    asked = {"held": 0, "releasing": 0}
    requests = [("s10.attach/1", {"target": {"compute_brick": rack["c"]}}), ("s10.detach/1", {}),
                ("s10.resize/1", {"size_bytes": 2 * GIB}), ("s10.renew/1", {"lease_s": 60}), ("s10.release/1", {})]
    while asked["releasing"] < len(requests):
        for type_, more in requests:
            refusal = alice.refused(type_, {"key": key(), "reservation": ended, **more})
            assert refusal["code"] == "LEASE_EXPIRED", (type_, state, refusal)
            state = refusal["text"].rpartition(" ")[2]
            asked[state] += 1
    assert asked["held"] > 0
    # What its owner gave up before did not end by its lease.
    for type_, more in requests:
        refusal = alice.refused(type_, {"key": key(), "reservation": released, **more})
        assert refusal["code"] == "WRONG_STATE", (type_, refusal)


def test_strangers(controller, client, rack):
    admin, alice, bob, eve = client(), client("alice"), client("bob"), client("eve")
    assert admin.refused("s11.show/1", {}, token="")["code"] == "UNAUTHENTICATED"
    assert admin.refused("s11.show/1", {}, token="guess")["code"] == "UNAUTHENTICATED"
    assert alice.refused("s11.retire/1", {"key": key(), "brick": rack["c"]})["code"] == "FORBIDDEN"
    assert alice.refused("s11.status/1", {})["code"] == "FORBIDDEN"
    reserve = {"key": key(), "request": plan_request(rack["c"])}
    assert eve.refused("s10.reserve/1", reserve)["code"] == "FORBIDDEN"
    assert eve.ok("s10.plan/1", plan_request(rack["c"]))["size_bytes"] == GIB
    assert bob.refused("s10.reserve/1", {**reserve, "project": "demo"})["code"] == "FORBIDDEN"
    mine = admin.ok("s10.reserve/1", {**reserve, "project": "demo"})["reservation"]
    assert mine["project"] == "demo"
    show = {"reservation": mine["reservation"]}
    assert alice.ok("s10.show/1", show)["reservation"]["project"] == "demo"
    assert bob.refused("s10.show/1", show)["code"] == "NOT_FOUND"
    assert bob.refused("s10.release/1", {"key": key(), **show})["code"] == "NOT_FOUND"
    assert bob.ok("s10.list/1", {})["reservations"] == []
    assert alice.refused("s10.show/1", show, token=TOKENS["alice"][0] + "x")["code"] == \
        "UNAUTHENTICATED"


def test_tokens_are_read_again(controller, client):
    new = {**TOKENS, "mallory": ("mallory-token-0123456789", "demo", "reader")}
    admin = client()
    assert admin.refused("s11.show/1", {}, token=new["mallory"][0])["code"] == "UNAUTHENTICATED"
    controller.write_tokens(new)
    controller.process.send_signal(signal.SIGHUP)
    eventually(lambda: admin.call("s11.show/1", {}, token=new["mallory"][0])[0] != "error/1")
    controller.write_tokens(TOKENS)
    controller.process.send_signal(signal.SIGHUP)
    eventually(lambda: admin.call("s11.show/1", {}, token=new["mallory"][0])[0] == "error/1")


def count_reservations(bed, controller, project="demo"):
    return int(bed.psql(controller.database, "SELECT count(*) FROM sdm.reservation"
                                             f" WHERE project = '{project}'"))


def test_a_repeat_changes_nothing_and_gets_the_same_reply(bed, controller, client, rack):
    alice = client("alice")
    before = count_reservations(bed, controller)
    body = {"key": key(), "request": plan_request(rack["c"], 128 * MIB)}
    first = alice.ok("s10.reserve/1", body)
    assert alice.ok("s10.reserve/1", body) == first
    # The order of members is not part of a request.
    assert alice.ok("s10.reserve/1", dict(reversed(body.items()))) == first
    assert count_reservations(bed, controller) == before + 1


def test_many_copies_at_once_are_one(bed, controller, client, rack):
    alice, other = client("alice"), client("alice")
    before = count_reservations(bed, controller)
    body = {"key": key(), "request": plan_request(rack["c"], 128 * MIB)}
    asked = [(c, c.send("s10.reserve/1", body)) for _ in range(30) for c in (alice, other)]
    replies = [c.wait(correlation) for c, correlation in asked]
    assert replies[0][0] == "s10.reply/1", replies[0]
    assert all(reply == replies[0] for reply in replies)
    assert count_reservations(bed, controller) == before + 1


def test_a_key_belongs_to_one_request_of_one_project(client, rack):
    alice, bob = client("alice"), client("bob")
    body = {"key": key(), "request": plan_request(rack["c"], 128 * MIB)}
    alice.ok("s10.reserve/1", body)
    other = {"key": body["key"], "request": plan_request(rack["c"], 256 * MIB)}
    assert alice.refused("s10.reserve/1", other)["code"] == "KEY_REUSED"
    mine = alice.ok("s10.reserve/1", {**body, "key": key()})["reservation"]["reservation"]
    assert alice.refused("s10.release/1", {"key": body["key"], "reservation": mine})["code"] == \
        "KEY_REUSED"
    assert bob.ok("s10.reserve/1", other)["reservation"]["project"] == "other"


def test_a_refusal_is_kept_too(client, rack):
    """A duplicate that comes late must not succeed behind the client's back."""
    admin, alice = client(), client("alice")
    missing = rack["c"] + "-later"
    body = {"key": key(), "request": plan_request(missing)}
    refusal = alice.refused("s10.reserve/1", body)
    assert refusal["code"] == "NOT_FOUND"
    admin.ok("s11.register/1", {"key": key(), "topology": {
        "racks": [], "trays": [], "switches": [], "links": [],
        "bricks": [{"id": missing, "kind": "compute", "tray": rack["t"], "n_ports": 1}]}})
    assert alice.refused("s10.reserve/1", body) == refusal


def test_many_requests_share_transactions(controller, client, rack):
    alice = client("alice")
    before = controller.ask("status")["result"]["lanes"]["reservation"]
    asked = [alice.send("s10.reserve/1", {"key": key(), "request": plan_request(rack["c"], 128 * MIB)})
             for _ in range(56)]
    replies = [alice.wait(correlation) for correlation in asked]
    good = [reply for type_, reply in replies if type_ == "s10.reply/1"]
    assert len(good) == 56
    extents = {(s["memory_brick"], s["offset_bytes"]) for r in good
               for s in r["reservation"]["segments"]}
    assert len(extents) == 56
    after = controller.ask("status")["result"]["lanes"]["reservation"]
    assert after["taken"] - before["taken"] == 56
    assert after["batches"] - before["batches"] < 56
    # The rack is full but for 8 units: a crowd gets what is left, and the rest is told why.
    asked = [alice.send("s10.reserve/1", {"key": key(), "request": plan_request(rack["c"], 256 * MIB)})
             for _ in range(20)]
    replies = [alice.wait(correlation) for correlation in asked]
    assert sum(type_ == "s10.reply/1" for type_, _ in replies) == 4
    assert {r["code"] for type_, r in replies if type_ == "error/1"} == {"NO_CAPACITY"}


def test_an_answer_that_nobody_wants_is_dropped(client, rack):
    alice = client("alice")
    body = {"key": key(), "request": plan_request(rack["c"], 128 * MIB)}
    alice.send("s10.reserve/1", body, reply_to="nobody-home")
    alice.send("s10.list/1", {}, reply_to="nobody-home")
    held = alice.ok("s10.reserve/1", body)
    assert held["reservation"]["state"] == "held"
    eventually(lambda: alice.depth("sdm.s10") == 0)
    assert alice.depth("sdm.dead") == 0


def test_a_pending_request_is_joined(client, rack):
    """Whoever asked before the answer gets it: a copy may be delivered after its repeat and must not take its place."""
    admin, other = client(), client()
    body = {"key": key(), "brick": rack["m1"], "power": "off", "wait": "fabric", "timeout_ms": 2500}
    first = admin.send("s11.power/1", body)
    time.sleep(0.3)
    repeats = [other.send("s11.power/1", body) for _ in range(3)]
    answers = [admin.wait(first), *(other.wait(correlation) for correlation in repeats)]
    assert [(type_, reply["code"]) for type_, reply in answers] == [("error/1", "TIMEOUT")] * 4
    assert answers == [answers[0]] * 4
    # The answer is there for whoever asks later; nobody is told twice.
    assert admin.call("s11.power/1", body) == answers[0]
    assert all(len(told) == 1 for told in (*admin.replies.values(), *other.replies.values()))


def test_a_poisonous_message_becomes_a_dead_letter(bed, controller, client, rack):
    alice = client("alice")
    database = controller.database
    bed.psql(database, """
        CREATE FUNCTION sdm.choke() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN IF NEW.key LIKE 'poison%' THEN RAISE 'choked'; END IF; RETURN NEW; END$$;
        CREATE TRIGGER choke BEFORE INSERT ON sdm.stored_reply FOR EACH ROW
        EXECUTE FUNCTION sdm.choke();""")
    try:
        good = [alice.send("s10.reserve/1", {"key": key(), "request": plan_request(rack["c"], 128 * MIB)})
                for _ in range(5)]
        bad = alice.send("s10.reserve/1",
                         {"key": "poison-1", "request": plan_request(rack["c"], 128 * MIB)})
        good += [alice.send("s10.reserve/1", {"key": key(), "request": plan_request(rack["c"], 128 * MIB)})
                 for _ in range(5)]
        # It fails alone; those that shared its batch do not.
        assert all(alice.wait(one)[0] == "s10.reply/1" for one in good)
        type_, told = alice.wait(bad)
        assert (type_, told["code"]) == ("error/1", "INTERNAL")
        assert "choked" not in json.dumps(told)
        eventually(lambda: alice.depth("sdm.dead") == 1)
        assert alice.depth("sdm.s10") == 0
        _, properties, body = alice.channel.basic_get("sdm.dead", auto_ack=True)
        assert json.loads(body)["key"] == "poison-1"
        assert (properties.headers["sdm-code"], properties.headers["sdm-queue"]) == ("INTERNAL", "sdm.s10")
        assert "choked" in properties.headers["sdm-reason"]
    finally:
        bed.psql(database, "DROP TRIGGER choke ON sdm.stored_reply; DROP FUNCTION sdm.choke()")
    assert alice.ok("s10.reserve/1",
                    {"key": "poison-1", "request": plan_request(rack["c"], 128 * MIB)})


def test_a_large_body_is_told(client):
    admin = client()
    refusal = admin.refused("s11.register/1", b'{"key":"' + b"x" * (4 << 20) + b'"}')
    assert refusal["code"] == "MALFORMED"


def test_quotas(bed, client, rack):
    admin, bob = client(), client("bob")

    def reserve(size=GIB, **members):
        body = {"key": key(), "request": plan_request(rack["c"], size), **members}
        return body, bob.call("s10.reserve/1", body)

    def quota():
        return admin.ok("s11.project.show/1", {"project": "other"})["projects"][0]

    def set_quota(**members):
        return {"key": key(), "project": "other", **members}

    before = bob.ok("s11.project.show/1", {})["projects"][0]
    assert "max_bytes" not in before
    used, n_used = before["used_bytes"], before["n_reservations"]
    limits = {"max_bytes": used + 2 * GIB, "max_reservations": n_used + 5}
    assert admin.ok("s11.project.set/1", set_quota(**limits))["projects"] == [{**before, **limits}]
    first = reserve()[1][1]["reservation"]["reservation"]
    # Limit, use and want; the same again for the same key, whatever has become possible.
    body, (_, refused) = reserve(GIB + 128 * MIB)
    assert refused["code"] == "QUOTA_EXCEEDED"
    assert refused["text"] == (f"project 'other' may have {used + 2 * GIB} bytes and has {used + GIB},"
                               f" {GIB + 128 * MIB} more wanted")
    assert quota() == {**before, **limits, "used_bytes": used + GIB, "n_reservations": n_used + 1}
    admin.ok("s11.project.set/1", set_quota(unlimited=True, max_reservations=n_used + 1))
    assert "max_bytes" not in quota()
    assert bob.refused("s10.reserve/1", body) == refused
    assert reserve()[1][1]["text"] == (f"project 'other' may have {n_used + 1} reservations and has {n_used + 1},"
                                       " 1 more wanted")
    admin.ok("s11.project.set/1", set_quota(max_bytes=used + GIB))
    resize = {"key": key(), "reservation": first, "size_bytes": 2 * GIB}
    assert bob.refused("s10.resize/1", resize)["text"] == (
        f"project 'other' may have {used + GIB} bytes and has {used + GIB}, {GIB} more wanted")
    # Never below what it has; nothing is changed by trying.
    before = quota()
    for less in ({"max_bytes": used + GIB - 1}, {"max_reservations": n_used}):
        assert admin.refused("s11.project.set/1", set_quota(**less))["code"] == "IN_USE"
    assert quota() == before
    pages = [admin.ok("s11.project.list/1", {"page_size": 1})]
    while "next" in pages[-1]:
        pages.append(admin.ok("s11.project.list/1", {"page_size": 1, "after": pages[-1]["next"]}))
    names = [page["projects"][0]["project"] for page in pages]
    assert names == sorted(names) and "other" in names
    admin.ok("s11.project.set/1", set_quota(unlimited=True))
    bob.ok("s10.release/1", {"key": key(), "reservation": first})
