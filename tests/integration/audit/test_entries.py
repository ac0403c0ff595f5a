"""What the rows say: of every request that writes, of those turned down at the door, and of what came later."""

import hashlib
import json
import time

import pytest

from harness import GIB, MIB, SOURCE, TOKENS, eventually, key, plan_request, small_topology

SCHEMAS = SOURCE / "schemas"


def audited_types():
    """Requests that carry a key write, and what writes is audited: whoever adds one is tested here."""
    for path in sorted(SCHEMAS.glob("s1?.*.json")):
        schema = json.loads(path.read_text())
        if "key" in schema.get("required", ()):
            yield schema["title"]


def entries_of(auditor, idempotency_key, n=1):
    """The log's rows of a key, as soon as there are so many."""
    def look():
        found = [e for e in auditor.list("--limit=1000") if e.get("key") == idempotency_key]
        return found if len(found) >= n else None
    return eventually(look, 10, f"{n} entries of {idempotency_key}")


def call(client, type_, body):
    """The reply, and what the log has to say of it."""
    reply_type, reply = client.call(type_, body)
    return reply, reply["code"] if reply_type == "error/1" else "ok"


@pytest.mark.parametrize("type_", audited_types())
def test_every_writing_request_has_its_row(client, auditor, type_):
    body = json.loads((SCHEMAS / "examples" / type_[:-2] / "valid-full.json").read_text())
    body["key"] = key()
    admin = client()
    _, outcome = call(admin, type_, body)
    if outcome == "UNKNOWN_MESSAGE":
        pytest.skip("no such route")
    row, *rest = entries_of(auditor, body["key"])
    assert rest == [] or (row["outcome"], [r["action"] for r in rest]) == ("waiting", ["answer"])
    assert (row["action"], row["type"], row["actor"], row["role"], row["project"]) == \
        ("request", type_, "admin", "admin", body.get("project", "operations"))
    assert (rest[-1] if rest else row)["outcome"] == outcome
    assert len(row["digest"]) == 64 and row["request_id"] and row["epoch"] == 1
    assert ("object" in row) == ("object_kind" in row)
    for name in ("reservation", "brick", "vm", "segment"):
        if body.get(name):
            assert (row["object_kind"], row["object"]) == (name, body[name])


def test_a_reservations_life(bed, client, auditor, rack):
    alice, admin = client("alice"), client()
    rows = []

    def done(who, type_, body, outcome="ok"):
        reply, found = call(who, type_, {"key": key(), **body})
        rows.append(reply)
        assert found == outcome, reply
        return reply

    def last(members):
        found = auditor.list("--limit=1")[0]
        assert members.items() <= found.items(), found
        return found

    mine = done(alice, "s10.reserve/1", {"request": plan_request(rack["c"], 128 * MIB), "lease_s": 600})
    uuid, segment = mine["reservation"]["reservation"], mine["reservation"]["segments"][0]
    entry = last({"actor": "alice", "role": "member", "project": "demo", "type": "s10.reserve/1",
                  "object_kind": "reservation", "object": uuid, "outcome": "ok"})
    assert f"size_bytes={128 * MIB}" in entry["summary"] and f"compute_bricks={rack['c']}" in entry["summary"]
    # Which bytes it was given.
    assert f"{segment['memory_brick']}@{segment['offset_bytes']}+{128 * MIB}" in entry["summary"]
    done(alice, "s10.renew/1", {"reservation": uuid, "lease_s": 900})
    assert "lease_s=900" in last({"type": "s10.renew/1", "object": uuid})["summary"]
    done(alice, "s10.resize/1", {"reservation": uuid, "size_bytes": 256 * MIB})
    last({"type": "s10.resize/1", "object": uuid})
    done(alice, "s10.resize/1", {"reservation": uuid, "size_bytes": 64 * GIB}, "TOO_LARGE")
    assert " -> " in last({"type": "s10.resize/1", "object": uuid, "outcome": "TOO_LARGE"})["summary"]
    done(client("bob"), "s10.release/1", {"reservation": uuid}, "NOT_FOUND")
    last({"actor": "bob", "project": "other", "object": uuid, "outcome": "NOT_FOUND"})
    # An administrator acts for the project, and is named.
    done(admin, "s10.release/1", {"reservation": uuid})
    last({"actor": "admin", "role": "admin", "type": "s10.release/1", "object": uuid})
    assert [e["type"] for e in auditor.list(f"--object={uuid}")] == \
        ["s10.reserve/1", "s10.renew/1", "s10.resize/1", "s10.resize/1", "s10.release/1", "s10.release/1"]


def test_what_is_refused_at_the_door_is_told_too(client, auditor, rack):
    eve, admin = client("eve"), client()
    body = {"key": key(), "request": plan_request(rack["c"])}
    eve.refused("s10.reserve/1", body)
    row = entries_of(auditor, None) and auditor.list("--limit=1")[0]
    assert (row["actor"], row["role"], row["outcome"]) == ("eve", "reader", "FORBIDDEN")
    eve.refused("s11.retire/1", {"key": key(), "brick": rack["c"]})
    assert auditor.list("--limit=1")[0]["type"] == "s11.retire/1"
    admin.refused("s10.release/1", {"key": "k", "why": 1})
    assert auditor.list("--limit=1")[0]["outcome"] in ("UNKNOWN_MEMBER", "MISSING_MEMBER")
    admin.refused("s10.reserve/1", body, token="a-token-that-nobody-knows")
    row = auditor.list("--limit=1")[0]
    assert (row["actor"], row["role"], row["outcome"]) == ("?", "none", "UNAUTHENTICATED")
    # A key that was used for something else.
    admin.ok("s10.reserve/1", {**body, "request": plan_request(rack["c"], 128 * MIB)})
    admin.refused("s10.reserve/1", body)
    assert auditor.list("--limit=1")[0]["outcome"] == "KEY_REUSED"
    for token, _, _ in TOKENS.values():
        assert token not in json.dumps(auditor.list("--limit=10000"))


def test_a_flood_of_strangers_costs_few_rows(client, auditor):
    admin = client()
    before = auditor.list("--limit=1")[0]["id"]
    asked = [admin.send("s10.release/1", b"{}", token="wrong-token-0123456789") for _ in range(300)]
    assert {admin.wait(one)[1]["code"] for one in asked} == {"UNAUTHENTICATED"}
    rows = [e for e in auditor.list("--limit=1000") if e["id"] > before]
    assert {r["outcome"] for r in rows} == {"UNAUTHENTICATED"} and len(rows) < 150
    counts = [int(r["summary"].split()[0]) if "requests like this" in r["summary"] else 1 for r in rows]
    assert sum(counts) == 300


def test_reading_is_not_told_unless_an_administrator_looks(client, auditor, rack):
    alice, admin = client("alice"), client()
    before = auditor.list("--limit=1")[0]["id"]
    alice.ok("s10.list/1", {})
    alice.ok("s11.show/1", {})
    alice.ok("s10.plan/1", plan_request(rack["c"]))
    assert auditor.list("--limit=1")[0]["id"] == before
    admin.ok("s11.status/1", {})
    row = auditor.list("--limit=1")[0]
    assert (row["type"], row["actor"], row["outcome"]) == ("s11.status/1", "admin", "ok")
    alice.refused("s11.agents/1", {})
    row = auditor.list("--limit=1")[0]
    assert (row["type"], row["actor"], row["outcome"]) == ("s11.agents/1", "alice", "FORBIDDEN")


def test_a_repeat_has_no_row_of_its_own(client, auditor, rack):
    alice = client("alice")
    body = {"key": key(), "request": plan_request(rack["c"], 128 * MIB)}
    first = alice.ok("s10.reserve/1", body)
    assert alice.ok("s10.reserve/1", body) == first
    time.sleep(0.2)
    assert len(entries_of(auditor, body["key"])) == 1


def test_the_end_of_what_waited_is_told(client, auditor, rack):
    admin = client()
    body = {"key": key(), "brick": rack["m1"], "power": "off", "wait": "fabric", "timeout_ms": 500}
    assert admin.refused("s11.power/1", body)["code"] == "TIMEOUT"
    asked, ended = entries_of(auditor, body["key"], 2)
    assert (asked["action"], asked["outcome"], asked["object"]) == ("request", "waiting", rack["m1"])
    assert (ended["action"], ended["actor"], ended["outcome"]) == ("answer", "controller", "TIMEOUT")
    assert ended["digest"] == asked["digest"] and ended["type"] == asked["type"]


def test_the_end_of_a_lease_is_told(client, auditor, rack):
    alice = client("alice")
    mine = alice.ok("s10.reserve/1", {"key": key(), "request": plan_request(rack["c"], 128 * MIB), "lease_s": 1})
    uuid = mine["reservation"]["reservation"]
    row = eventually(lambda: [e for e in auditor.list(f"--object={uuid}") if e["action"] == "lease-end"], 15)[0]
    assert (row["actor"], row["project"], row["outcome"]) == ("controller", "demo", "ok")


def test_who_leads_is_told(auditor, controller):
    row = next(e for e in auditor.list("--limit=100000") if e["action"] == "takeover")
    assert (row["object"], row["epoch"]) == ("c1", 1)


def test_a_crowd_in_one_transaction_has_a_row_each(client, auditor, rack):
    alice = client("alice")
    keys = [key() for _ in range(40)]
    asked = [alice.send("s10.reserve/1", {"key": k, "request": plan_request(rack["c"], 128 * MIB)}) for k in keys]
    asked += [alice.send("s10.release/1", {"key": k, "reservation": "00000000-0000-4000-8000-000000000000"})
              for k in (key() for _ in range(10))]
    replies = [alice.wait(one) for one in asked]
    rows = auditor.list("--limit=1000")
    for one, (reply_type, reply) in zip(asked, replies):
        row, = [r for r in rows if r.get("request_id") == one]
        assert row["outcome"] == (reply["code"] if reply_type == "error/1" else "ok")


def test_every_stored_reply_has_its_entry(bed, controller, auditor):
    """Last in this file: over everything that the tests before it have brought about."""
    lost = bed.psql(controller.database, """
        SELECT r.project, r.key, r.type, coalesce(r.reply::json->>'code', 'ok')
          FROM sdm.stored_reply r WHERE NOT EXISTS (
            SELECT FROM sdm.audit_entry e WHERE e.project = r.project AND e.key = r.key AND e.type = r.type
               AND encode(e.digest, 'hex') = r.fingerprint AND e.action = 'request'
               AND (e.outcome = 'waiting' OR e.outcome =
                    CASE WHEN r.reply_type = 'error/1' THEN r.reply::json->>'code' ELSE 'ok' END))""")
    assert lost == ""
    unfinished = bed.psql(controller.database, """
        SELECT e.key FROM sdm.audit_entry e JOIN sdm.stored_reply r USING (project, key)
         WHERE e.outcome = 'waiting' AND r.reply IS NOT NULL AND NOT EXISTS (
            SELECT FROM sdm.audit_entry a WHERE a.project = e.project AND a.key = e.key AND a.action = 'answer'
               AND a.outcome = CASE WHEN r.reply_type = 'error/1' THEN r.reply::json->>'code' ELSE 'ok' END)""")
    assert unfinished == ""
    assert int(bed.psql(controller.database, "SELECT count(*) FROM sdm.stored_reply")) > 60
    auditor.sealed()
    assert auditor.findings() == []


def test_a_retired_name_is_told_by_whoever_it_was(client, auditor):
    """Text of any kind survives the way into the log and back."""
    names, topology = small_topology("audit")
    admin = client()
    admin.ok("s11.register/1", {"key": key(), "topology": topology})
    assert "bricks=#3" in auditor.list("--limit=1")[0]["summary"]
    admin.ok("s11.retire/1", {"key": key(), "brick": names["m2"]})
    row = auditor.list("--limit=1")[0]
    assert (row["object_kind"], row["object"], row["summary"]) == ("brick", names["m2"], f"brick={names['m2']}")
    assert hashlib.sha256(b"").hexdigest() != row["digest"]
