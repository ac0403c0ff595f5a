"""Judges the audit log: that nothing of it was changed, and that it tells of everything that was answered."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "integration/audit"))
import chain  # noqa: E402  (found by the path above)

SEALED_S = 20
UNSEALED = ("SELECT count(*) FROM sdm.audit_entry WHERE id > coalesce((SELECT max(last_id) FROM sdm.audit_block), 0)")
# Answers that the log does not have: of what was carried out, or refused, under this key.
LOST = """
SELECT r.type, r.project, r.key, coalesce(r.reply::json ->> 'code', 'ok')
  FROM sdm.stored_reply r WHERE r.reply IS NOT NULL AND NOT EXISTS (
    SELECT FROM sdm.audit_entry e WHERE e.project = r.project AND e.key = r.key AND e.type = r.type
       AND e.action IN ('request', 'answer') AND encode(e.digest, 'hex') = r.fingerprint
       AND e.outcome = CASE WHEN r.reply_type = 'error/1' THEN r.reply::json ->> 'code' ELSE 'ok' END)"""
# More than one row for one request.
DOUBLED = """
SELECT project, key, action, count(*) FROM sdm.audit_entry WHERE key IS NOT NULL AND outcome <> 'KEY_REUSED'
 GROUP BY project, key, action HAVING count(*) > 1"""


def judge(fleet, database, database_uri, on_violation):
    """Number of entries in sealed blocks; what is wrong with them is a violation of "audit"."""
    deadline = time.monotonic() + SEALED_S
    while database.rows(UNSEALED, timeout=10)[0][0] > 0:
        if time.monotonic() > deadline:
            on_violation("audit", f"entries wait for their seal for more than {SEALED_S} s")
            break
        time.sleep(0.1)
    heads = [head for daemon in fleet.controllers if fleet.heads_file(daemon.name).exists()
             for head in chain.read_heads(fleet.heads_file(daemon.name))]
    for kind, block, entry in chain.verify(database_uri, heads)[:10]:
        on_violation("audit", f"{kind}: block {block}, entry {entry}")
    judge_entries(database, on_violation)
    return database.rows("SELECT coalesce(sum(n_entries), 0)::bigint FROM sdm.audit_block", timeout=10)[0][0]


def judge_entries(database, on_violation):
    """Needs no rest: entries are written by the transaction that they tell of."""
    for type_, project, key, outcome in database.rows(LOST, timeout=10)[:10]:
        on_violation("audit", f"{type_} key {key} of '{project}' was answered {outcome}: no entry says so")
    for project, key, action, n in database.rows(DOUBLED, timeout=10)[:10]:
        on_violation("audit", f"key {key} of '{project}' has {n} entries of action '{action}'")
