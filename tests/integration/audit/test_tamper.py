"""Whoever changes the log is found out: as a superuser who switches every trigger off."""

import os
import shutil
import subprocess

import pytest

import chain
from conftest import FAST, Auditor
from harness import MIB, Client, Controller, eventually, key, plan_request, small_topology



@pytest.fixture(scope="module")
def log(bed):
    """A database with some blocks, and its heads; nobody is connected to it."""
    database = bed.new_database()
    heads = f"{bed.dir}/heads-{database}"
    controller = Controller(bed, database, options=(*FAST, f"--audit-head-file={heads}")).wait_serving()
    client = Client(bed.broker)
    names, topology = small_topology("tamper")
    client.ok("s11.register/1", {"key": key(), "topology": topology})
    for _ in range(5):
        asked = [client.send("s10.reserve/1", {"key": key(), "request": plan_request(names["c"], 128 * MIB)})
                 for _ in range(9)]
        assert all(client.wait(one)[0] == "s10.reply/1" for one in asked)
        bed.psql(database, "SELECT nextval('sdm.audit_entry_id_seq') FROM generate_series(1, 4)")
    auditor = Auditor(bed, database, heads)
    blocks = auditor.sealed()
    eventually(lambda: len(chain.read_heads(heads)) == blocks)
    client.close()
    controller.stop()
    controller.remove()
    assert blocks >= 4 and auditor.findings() == []
    yield auditor


@pytest.fixture
def copy(bed, log):
    """The log in a database that may be spoilt."""
    bed.n_databases += 1
    name = f"spoilt_{bed.n_databases}"
    bed.psql("postgres", f"CREATE DATABASE {name} TEMPLATE {log.database} OWNER sdm", role="postgres")
    heads = f"{bed.dir}/heads-{name}"
    shutil.copy(log.heads, heads)
    yield Auditor(bed, name, heads)
    bed.psql("postgres", f"DROP DATABASE {name}", role="postgres")


def middle(auditor):
    """A block with neighbours and several entries: its number, and their ids."""
    _, blocks, _ = chain.read(auditor.bed.uri(auditor.database, role="sdm_auditor"))
    number = max(blocks[1:-1], key=lambda block: block[3])[0]
    ids = [int(i) for i in auditor.bed.psql(
        auditor.database, f"SELECT e.id FROM sdm.audit_entry e JOIN sdm.audit_block b ON e.id BETWEEN b.first_id"
                          f" AND b.last_id WHERE b.block_no = {number} ORDER BY e.id").split()]
    return number, ids


CHANGES = [
    "summary = summary || ' '", "outcome = 'INTERNAL'", "actor = 'somebody'", "at = at + interval '1 microsecond'",
    "epoch = epoch + 1", "project = 'other'", "digest = sha256(digest)", "digest = NULL", "object = ''", "object = NULL",
    "request_id = key, key = request_id", "role = 'reader'", "type = 's10.release/1'", "action = 'answer'",
    "object_kind = object, object = object_kind",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_entry(copy, change):
    number, ids = middle(copy)
    copy.tamper(f"UPDATE sdm.audit_entry SET {change} WHERE id = {ids[0]}")
    assert copy.findings() == [("changed", number, ids[0])]
    assert copy.findings(with_heads=False) == [("changed", number, ids[0])]


def test_a_missing_entry(copy):
    number, ids = middle(copy)
    copy.tamper(f"DELETE FROM sdm.audit_entry WHERE id IN ({ids[0]}, {ids[-1]})")
    assert copy.findings() == sorted({("missing", number, ids[0]), ("missing", number, ids[-1])})


def test_an_inserted_entry(copy, bed):
    gap = int(bed.psql(copy.database, """
        SELECT g FROM generate_series(1, (SELECT max(last_id) FROM sdm.audit_block)) g
         WHERE NOT EXISTS (SELECT FROM sdm.audit_entry e WHERE e.id = g) LIMIT 1"""))
    copy.tamper(f"INSERT INTO sdm.audit_entry (id, at, epoch, action, actor, role, outcome, summary) OVERRIDING SYSTEM VALUE"
                f" VALUES ({gap}, now(), 1, 'request', 'admin', 'admin', 'ok', 'always was')")
    (kind, _, entry), = copy.findings()
    assert (kind, entry) == ("inserted", gap)


def test_entries_in_another_order(copy):
    number, ids = middle(copy)
    a, b = ids[0], ids[-1]
    copy.tamper(f"ALTER TABLE sdm.audit_entry ALTER id DROP IDENTITY; UPDATE sdm.audit_entry SET id = -1 WHERE id = {a};"
                f"UPDATE sdm.audit_entry SET id = {a} WHERE id = {b};"
                f"UPDATE sdm.audit_entry SET id = {b} WHERE id = -1")
    assert copy.findings() == [("changed", number, a), ("changed", number, b)]


BLOCK_CHANGES = ["sealed_at = sealed_at + interval '1 microsecond'", "epoch = epoch + 1", "hash = sha256(hash)",
                 "leaves = set_byte(leaves, 20, (get_byte(leaves, 20) + 1) % 256)"]


@pytest.mark.parametrize("change", BLOCK_CHANGES)
def test_a_changed_block(copy, change):
    number, _ = middle(copy)
    copy.tamper(f"UPDATE sdm.audit_block SET {change} WHERE block_no = {number}")
    found = copy.findings()
    assert ("block-changed", number, None) in found
    assert {block for _, block, _ in found} <= {number, number + 1}


def test_an_entry_and_its_block_changed_alike(copy, bed):
    """The leaf made to fit the entry, and the block's hash to fit the leaf: the next block does not."""
    number, ids = middle(copy)
    copy.tamper(f"UPDATE sdm.audit_entry SET summary = 'nothing' WHERE id = {ids[0]}")
    rebuild(copy, up_to=number)
    found = copy.findings(with_heads=False)
    assert found == [("block-broken", number + 1, None)]
    assert ("rewritten", number, None) in copy.findings()


def test_a_block_taken_out(copy):
    number, ids = middle(copy)
    copy.tamper(f"DELETE FROM sdm.audit_block WHERE block_no = {number};"
                f"DELETE FROM sdm.audit_entry WHERE id BETWEEN {ids[0]} AND {ids[-1]}")
    assert copy.findings() == [("block-broken", number + 1, None)]


def test_the_end_cut_off(copy, bed):
    last = int(bed.psql(copy.database, "SELECT max(block_no) FROM sdm.audit_block"))
    copy.tamper(f"DELETE FROM sdm.audit_entry e USING sdm.audit_block b WHERE b.block_no >= {last - 1}"
                f" AND e.id BETWEEN b.first_id AND b.last_id; DELETE FROM sdm.audit_block WHERE block_no >= {last - 1}")
    assert copy.findings() == [("truncated", last - 1, None)]
    # This is what the heads are for.
    assert copy.findings(with_heads=False) == []


def test_everything_gone(copy):
    copy.tamper("TRUNCATE sdm.audit_entry, sdm.audit_block")
    assert copy.findings() == [("truncated", 1, None)]


def rebuild(auditor, up_to=1 << 62):
    """Seals what is there anew, as somebody would who can rewrite the whole database."""
    entries, blocks, (_, _, previous) = chain.read(auditor.bed.uri(auditor.database, role="postgres"))
    for number, first, last, _, epoch, sealed_at, *_ in blocks:
        if number > up_to:
            return
        mine = [row for row in entries if first <= row[0] <= last]
        leaves = b"".join(row[0].to_bytes(8, "big") + chain.entry_hash(row) for row in mine)
        own = chain.block_hash(number, first, last, len(mine), epoch, sealed_at, previous, leaves)
        auditor.tamper(f"UPDATE sdm.audit_block SET n_entries = {len(mine)}, prev_hash = '\\x{previous.hex()}',"
                       f" hash = '\\x{own.hex()}', leaves = '\\x{leaves.hex()}' WHERE block_no = {number}")
        previous = own


def test_the_chain_written_anew(copy, bed):
    number, ids = middle(copy)
    copy.tamper(f"UPDATE sdm.audit_entry SET outcome = 'ok', actor = 'nobody' WHERE id = {ids[0]}")
    rebuild(copy)
    last = int(bed.psql(copy.database, "SELECT max(block_no) FROM sdm.audit_block"))
    assert copy.findings() == [("rewritten", n, None) for n in range(number, last + 1)]
    assert copy.findings(with_heads=False) == []


def test_pruning_keeps_the_chain(copy, bed, log):
    number, _ = middle(copy)
    sealed_at = bed.psql(copy.database, f"SELECT sealed_at FROM sdm.audit_block WHERE block_no = {number}")
    for role in ("sdm", "sdm_controller", "sdm_auditor"):
        with pytest.raises(subprocess.CalledProcessError):
            bed.psql(copy.database, "SELECT sdm.audit_prune_before(now())", role=role)
    assert bed.psql(copy.database, f"SELECT sdm.audit_prune_before('{sealed_at}')", role="postgres") == str(number - 1)
    assert copy.findings() == [] and copy.findings(with_heads=False) == []
    kept = bed.psql(copy.database, "SELECT block_no, encode(hash, 'hex') FROM sdm.audit_prune")
    head = next(h for h in chain.read_heads(log.heads) if h["block"] == number - 1)
    assert kept == f"{number - 1}|{head['hash']}"
    row = copy.list("--limit=1")[0]
    assert (row["action"], row["actor"], row["role"]) == ("prune", "postgres", "database")
    # A controller goes on from there.
    controller = Controller(bed, copy.database, options=(*FAST, f"--audit-head-file={copy.heads}")).wait_serving()
    try:
        copy.sealed()
        eventually(lambda: copy.findings() == [], 5)
        controller.stop()
    finally:
        controller.remove()
    # Nothing comes back into what is gone, and where it begins is not a matter of taste.
    copy.tamper("INSERT INTO sdm.audit_entry (id, epoch, action, actor, role, outcome, summary) OVERRIDING SYSTEM VALUE"
                " VALUES (1, 1, 'request', 'admin', 'admin', 'ok', '')")
    assert copy.findings() == [("inserted", 0, 1)]
    copy.tamper("DELETE FROM sdm.audit_entry WHERE id = 1; UPDATE sdm.audit_prune SET hash = sha256(hash)")
    found = copy.findings()
    assert ("block-broken", number, None) in found and ("rewritten", number - 1, None) in found


def test_verifying_needs_a_database(bed, log, tmp_path):
    from conftest import SDMCTL
    away = subprocess.run([SDMCTL, "audit", "verify", "--database=postgresql://127.0.0.1:1/x"], capture_output=True,
                          text=True)
    assert away.returncode == 3 and "UNAVAILABLE" in away.stderr
    damaged = tmp_path / "heads"
    damaged.write_text("nonsense\n")
    done = log.sdmctl("verify", f"--head={damaged}")
    assert done.returncode == 2 and "line 1" in done.stdout
    assert os.access(SDMCTL, os.X_OK)
    plain = subprocess.run([SDMCTL, "audit", "verify", f"--head={log.heads}",
                            f"--database={bed.uri(log.database, role='sdm_auditor')}"], capture_output=True, text=True)
    assert plain.returncode == 0 and plain.stdout.endswith("intact\n"), plain
