"""Sealing: nothing is missed, nothing is sealed twice, over transactions that overlap, crashes and takeovers."""

import json
import os
import random
import signal
import threading
import time

import psycopg2
import pytest

import chain
from conftest import FAST, Auditor
from harness import MIB, Client, eventually, key, plan_request, small_topology


def requests(client, names, n=10):
    """Twice n entries, of which one reserves: nobody scrubs here, so bytes do not come back."""
    client.ok("s10.reserve/1", {"key": key(), "request": plan_request(names["c"], 128 * MIB)})
    for _ in range(2 * n - 1):
        client.refused("s10.release/1", {"key": key(), "reservation": "00000000-0000-4000-8000-000000000000"})


def count(bed, database, what):
    return int(bed.psql(database, f"SELECT count(*) FROM sdm.{what}"))


class Pair:
    """Controllers on one database, made as they are needed."""

    def __init__(self, bed, start):
        self.bed, self.start = bed, start
        self.database = bed.new_database()
        self.heads = f"{bed.dir}/heads-{self.database}"
        self.auditor = Auditor(bed, self.database, self.heads)
        self.n = 0

    def add(self, *options):
        self.n += 1
        return self.start(self.database, name=f"c{self.n}",
                          options=(*FAST, f"--audit-head-file={self.heads}", *options))

    def client(self):
        client = Client(self.bed.broker)
        names, topology = small_topology("seal")
        client.ok("s11.register/1", {"key": key(), "topology": topology})
        return client, names


@pytest.fixture
def pair(bed, start):
    return Pair(bed, start)


def test_blocks_go_on_over_a_restart(bed, pair):
    first = pair.add().wait_serving()
    client, names = pair.client()
    client.channel.queue_bind(client.queue, "sdm.events", "event.audit_head.#")
    requests(client, names, 20)
    before = pair.auditor.sealed()
    assert before >= 40 // 16
    assert pair.auditor.findings() == []
    first.stop()
    second = pair.add().wait_serving()
    requests(client, names, 20)
    after = pair.auditor.sealed()
    assert after > before and pair.auditor.findings() == []
    # The heads, as they left: by the file, and by an event each.
    eventually(lambda: len(chain.read_heads(pair.heads)) == after)
    heads = chain.read_heads(pair.heads)

    def told():
        client.connection.process_data_events(0.05)
        return {m["block"]: m for t, m in client.replies.get(None, []) if t == "event.audit_head/1"}
    eventually(lambda: after in told(), 10, "the last head")
    assert len(told()) >= after - 2 and all(told()[n] == heads[n - 1] for n in told())
    assert os.stat(pair.heads).st_mode & 0o777 == 0o640
    assert "sdm_audit_head_block" in json.dumps(second.ask("metrics"))
    client.close()
    second.stop()


def test_a_transaction_that_lasts_is_waited_for_and_nobody_else_waits(bed, pair):
    controller = pair.add().wait_serving()
    client, names = pair.client()
    pair.auditor.sealed()
    slow = psycopg2.connect(bed.uri(pair.database))
    with slow.cursor() as cursor:
        cursor.execute("SELECT sdm.hold_epoch(1)")
        cursor.execute("INSERT INTO sdm.audit_entry (epoch, action, actor, role, outcome, summary)"
                       " VALUES (1, 'request', 'slow', 'admin', 'ok', '') RETURNING id")
        taken = cursor.fetchone()[0]
        begun = time.monotonic()
        requests(client, names, 5)
        assert time.monotonic() - begun < 5
        time.sleep(1)
        last = int(bed.psql(pair.database, "SELECT max(last_id) FROM sdm.audit_block"))
        assert last < taken < int(bed.psql(pair.database, "SELECT max(id) FROM sdm.audit_entry"))
    slow.commit()
    slow.close()
    pair.auditor.sealed()
    assert pair.auditor.findings() == []
    leaves = bed.psql(pair.database, f"SELECT count(*) FROM sdm.audit_block WHERE first_id <= {taken}"
                                     f" AND position(int8send({taken}) IN leaves) > 0")
    assert leaves == "1"
    client.close()
    controller.stop()


def test_ids_that_were_taken_in_vain_are_no_matter(bed, pair):
    controller = pair.add().wait_serving()
    client, names = pair.client()
    for _ in range(3):
        bed.psql(pair.database, "SELECT nextval('sdm.audit_entry_id_seq') FROM generate_series(1, 5)")
        requests(client, names, 2)
    pair.auditor.sealed()
    assert pair.auditor.findings() == []
    client.close()
    controller.stop()


@pytest.mark.parametrize("fault", ["audit.seal", "audit.sealed", "audit.head"])
@pytest.mark.skipif(os.environ.get("SDM_FAULTS") != "ON", reason="a build without fault points")
def test_a_crash_around_sealing(bed, pair, monkeypatch, fault):
    """Before the commit, between commit and file, and behind half a line in the file."""
    monkeypatch.setenv("SDM_FAULT", f"{fault}=crash@3")
    first = pair.add()
    monkeypatch.delenv("SDM_FAULT")
    client = Client(bed.broker)

    def crash():
        client.send("s10.release/1", {"key": key(), "reservation": "00000000-0000-4000-8000-000000000000"})
        client.connection.process_data_events(0.05)
        return first.process.poll()
    eventually(lambda: os.path.exists(first.socket), 20, "start")
    assert eventually(crash, 30, "crash") == 70
    if fault == "audit.head":
        with open(pair.heads, "a", encoding="utf-8") as heads:
            heads.write('{"at":"2026-')
    second = pair.add().wait_serving()
    names, topology = small_topology("crash")
    client.ok("s11.register/1", {"key": key(), "topology": topology})
    requests(client, names, 5)
    blocks = pair.auditor.sealed()
    eventually(lambda: len(chain.read_heads(pair.heads)) == blocks)
    assert pair.auditor.findings() == []
    client.close()
    second.stop()


def test_kills_and_pauses_at_any_moment(bed, pair):
    """Two controllers, one of them killed or stopped again and again, under load."""
    seed = int(os.environ.get("SDM_SEED", random.randrange(1 << 30)))
    chance = random.Random(seed)
    print("seed", seed)
    running = [pair.add().wait_serving(), pair.add()]
    client, names = pair.client()
    over = threading.Event()

    def load():
        own = Client(bed.broker)
        while not over.is_set():
            own.send("s10.reserve/1", {"key": key(), "request": plan_request(names["c"], 128 * MIB), "lease_s": 1})
            own.connection.process_data_events(0.002)
        own.close()

    loader = threading.Thread(target=load)
    loader.start()
    try:
        for _ in range(6):
            time.sleep(chance.uniform(0.2, 1.0))
            leader = next(c for c in running if c.is_serving())
            pause = chance.random() < 0.5
            leader.kill(signal.SIGSTOP if pause else signal.SIGKILL)
            running.remove(leader)
            eventually(lambda: any(c.is_serving() for c in running), 20, "takeover")
            if pause:
                leader.kill(signal.SIGCONT)
                assert leader.process.wait(20) == 3
            running.append(pair.add())
    finally:
        over.set()
        loader.join()
    pair.auditor.sealed()
    eventually(lambda: pair.auditor.findings() == [], 5, f"intact, seed {seed}")
    assert int(bed.psql(pair.database, "SELECT count(DISTINCT epoch) FROM sdm.audit_block")) > 2
    lost = bed.psql(pair.database, """
        SELECT count(*) FROM sdm.stored_reply r WHERE NOT EXISTS (
            SELECT FROM sdm.audit_entry e WHERE e.project = r.project AND e.key = r.key AND e.action = 'request')""")
    assert lost == "0"
    client.close()


def test_a_dump_goes_on_in_another_database(bed, pair):
    first = pair.add().wait_serving()
    client, names = pair.client()
    requests(client, names, 10)
    pair.auditor.sealed()
    first.stop()
    copy = f"restored_{pair.database}"
    bed.psql("postgres", f"CREATE DATABASE {copy} TEMPLATE template0 OWNER sdm", role="postgres")
    source, target = (bed.uri(d, role="postgres") for d in (pair.database, copy))
    assert os.system(f"pg_dump -d '{source}' | psql -Xq -v ON_ERROR_STOP=1 -d '{target}' >/dev/null") == 0
    second = pair.start(copy, options=(*FAST, f"--audit-head-file={pair.heads}")).wait_serving()
    requests(client, names, 10)
    restored = Auditor(bed, copy, pair.heads)
    restored.sealed()
    assert restored.findings() == []
    client.close()
    second.stop()


def test_a_file_of_another_log_is_left_alone(bed, pair):
    """A database from an older backup: sealing goes on, the file keeps what it says, and somebody is told."""
    head = {"at": "2026-01-31T12:00:00.250000Z", "pod": "pod-0", "block": 1, "first_id": 1, "last_id": 2, "entries": 2,
            "hash": "00" * 32, "epoch": 1}
    with open(pair.heads, "w", encoding="utf-8") as heads:
        heads.write(json.dumps(head) + "\n")
    controller = pair.add().wait_serving()
    client, names = pair.client()
    requests(client, names, 2)
    pair.auditor.sealed()
    eventually(lambda: "audit-head-not-exported" in controller.logged())
    assert chain.read_heads(pair.heads) == [head]
    assert pair.auditor.findings() == [("rewritten", 1, None)]
    assert pair.auditor.findings(with_heads=False) == []
    client.close()
    controller.stop()
