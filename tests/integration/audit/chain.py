"""The audit log's chain, recomputed from docs/DATABASE.md alone: shares no line with the verifier in C.

usage: chain.py DATABASE [HEADS]

DATABASE is a URI, HEADS a file of exported heads.  Prints what it finds, and exits with 1 if that is anything.
"""

import hashlib
import json
import struct
import sys

import psycopg2

ENTRY = ("SELECT id, (extract(epoch FROM at) * 1000000)::bigint, epoch, action, actor, role, project, type,"
         " request_id, key, object_kind, object, encode(digest, 'hex'), outcome, summary FROM sdm.audit_entry"
         " ORDER BY id")
BLOCK = ("SELECT block_no, first_id, last_id, n_entries, epoch, (extract(epoch FROM sealed_at) * 1000000)::bigint,"
         " prev_hash, hash, leaves FROM sdm.audit_block ORDER BY block_no")
PRUNE = "SELECT block_no, last_id, hash FROM sdm.audit_prune ORDER BY block_no DESC LIMIT 1"


def entry_hash(row):
    image = b"sdm-audit-entry/1\n" + struct.pack(">qqq", *row[:3])
    for text in row[3:]:
        if text is None:
            image += struct.pack(">I", 0xFFFFFFFF)
        else:
            image += struct.pack(">I", len(text.encode())) + text.encode()
    return hashlib.sha256(image).digest()


def block_hash(number, first, last, n_entries, epoch, sealed_at, previous, leaves):
    return hashlib.sha256(b"sdm-audit-block/1\n" + previous
                          + struct.pack(">qqqqqq", number, first, last, n_entries, epoch, sealed_at)
                          + leaves).digest()


def read(uri):
    """Entries, blocks and where the log begins."""
    connection = psycopg2.connect(uri)
    try:
        connection.set_session("REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            cursor.execute(ENTRY)
            entries = cursor.fetchall()
            cursor.execute(BLOCK)
            blocks = [(*row[:6], *(bytes(column) for column in row[6:])) for row in cursor.fetchall()]
            cursor.execute(PRUNE)
            start = cursor.fetchone()
        return entries, blocks, (start[0], start[1], bytes(start[2])) if start else (0, 0, bytes(32))
    finally:
        connection.close()


def compare(entries, leaves, number):
    """Entries of a block's range against the leaves that it has of them."""
    sealed = {struct.unpack_from(">q", leaves, at)[0]: leaves[at + 8:at + 40] for at in range(0, len(leaves), 40)}
    found = {row[0]: entry_hash(row) for row in entries}
    for one in sorted(sealed.keys() | found.keys()):
        if one not in found:
            yield "missing", number, one
        elif one not in sealed:
            yield "inserted", number, one
        elif found[one] != sealed[one]:
            yield "changed", number, one


def verify(uri, heads=()):
    """What is wrong: (kind, block, entry or None)."""
    entries, blocks, (number, last_id, previous) = read(uri)
    found = [("inserted", 0, row[0]) for row in entries if row[0] <= last_id]
    seen = {number: previous.hex()}
    for block_no, first, last, n_entries, epoch, sealed_at, prev_hash, own_hash, leaves in blocks:
        if (block_no, first, prev_hash) != (number + 1, last_id + 1, previous):
            found.append(("block-broken", block_no, None))
        if own_hash != block_hash(block_no, first, last, n_entries, epoch, sealed_at, prev_hash, leaves) \
                or len(leaves) != 40 * n_entries:
            found.append(("block-changed", block_no, None))
        found += compare([row for row in entries if first <= row[0] <= last], leaves, block_no)
        number, last_id, previous = block_no, last, own_hash
        seen[block_no] = own_hash.hex()
    found += [("rewritten", head["block"], None) for head in heads
              if seen.get(head["block"], head["hash"]) != head["hash"]]
    if any(head["block"] > number for head in heads):
        found.append(("truncated", number + 1, None))
    return found


def read_heads(path):
    with open(path) as lines:
        return [json.loads(line) for line in lines if line.endswith("\n")]


if __name__ == "__main__":
    FINDINGS = verify(sys.argv[1], read_heads(sys.argv[2]) if len(sys.argv) > 2 else ())
    for finding in FINDINGS:
        print(*finding)
    sys.exit(1 if FINDINGS else 0)
