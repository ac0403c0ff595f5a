BEGIN;
\ir fixture.psql
SELECT plan(35);

-- An entry as the controller writes it, and the blocks that it seals.
CREATE FUNCTION pg_temp.enter(what text) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO sdm.audit_entry (epoch, action, actor, role, outcome, summary)
    VALUES (1, 'request', 'alice', 'member', 'ok', what) RETURNING id;
$$;
CREATE FUNCTION pg_temp.seal(number bigint, first bigint, last bigint, previous bytea) RETURNS text LANGUAGE sql AS $$
    SELECT format('INSERT INTO sdm.audit_block VALUES (%s, %s, %s, 1, %L, %L, %L, now(), 1)', number, first, last,
                  previous, sha256(previous), repeat('x', 40)::bytea);
$$;
CREATE TEMP TABLE hashes AS SELECT decode(repeat('00', 32), 'hex') AS zero,
    sha256(decode(repeat('00', 32), 'hex')) AS one, sha256(sha256(decode(repeat('00', 32), 'hex'))) AS two;

SELECT cmp_ok(pg_temp.enter('one'), '<', pg_temp.enter('two'), 'ids grow');
SELECT isnt((SELECT at FROM sdm.audit_entry LIMIT 1), NULL, 'the database says when');
SELECT pg_temp.refused('INSERT INTO sdm.audit_entry (id, epoch, action, actor, role, outcome, summary)'
    ' VALUES (1, 1, '''', '''', '''', '''', '''')', '428C9 cannot insert a non-DEFAULT value into column "id"', 'an id of one''s own');

-- Only added to, also by a superuser who means no harm.
SELECT pg_temp.refused('UPDATE sdm.audit_entry SET summary = ''''', 'audit_entry_stays', 'an entry that changes');
SELECT pg_temp.refused('DELETE FROM sdm.audit_entry', 'audit_entry_stays', 'an entry that goes');
SELECT pg_temp.refused('DELETE FROM sdm.audit_entry WHERE false', 'audit_entry_stays', 'nothing that goes');
SELECT pg_temp.refused('TRUNCATE sdm.audit_entry', 'audit_entry_stays', 'all entries');
SELECT pg_temp.refused('UPDATE sdm.audit_block SET epoch = 2', 'audit_block_stays', 'a block that changes');
SELECT pg_temp.refused('DELETE FROM sdm.audit_block', 'audit_block_stays', 'a block that goes');
SELECT pg_temp.refused('TRUNCATE sdm.audit_block', 'audit_block_stays', 'all blocks');
SELECT pg_temp.refused('DELETE FROM sdm.audit_prune', 'audit_prune_stays', 'a record of pruning that goes');
SELECT pg_temp.refused('TRUNCATE sdm.audit_prune', 'audit_prune_stays', 'all of them');
SELECT pg_temp.refused('UPDATE sdm.audit_prune SET hash = hash', 'audit_prune_stays', 'one that changes');

-- A chain.
SELECT pg_temp.refused(pg_temp.seal(2, 1, 1, zero), 'audit_block_follows', 'a first block that is the second') FROM hashes;
SELECT pg_temp.refused(pg_temp.seal(1, 2, 2, zero), 'audit_block_follows', 'a first block that begins late') FROM hashes;
SELECT pg_temp.refused(pg_temp.seal(1, 1, 1, one), 'audit_block_follows', 'a first block that follows on something') FROM hashes;
SELECT pg_temp.accepted(pg_temp.seal(1, 1, 1, zero), 'the first block') FROM hashes;
SELECT pg_temp.refused(pg_temp.seal(1, 2, 2, one), 'audit_block_follows', 'the same number again') FROM hashes;
SELECT pg_temp.refused(pg_temp.seal(3, 2, 2, one), 'audit_block_follows', 'a number left out') FROM hashes;
SELECT pg_temp.refused(pg_temp.seal(2, 1, 2, one), 'audit_block_follows', 'a range that was sealed') FROM hashes;
SELECT pg_temp.refused(pg_temp.seal(2, 3, 3, one), 'audit_block_follows', 'a gap') FROM hashes;
SELECT pg_temp.refused(pg_temp.seal(2, 2, 2, zero), 'audit_block_follows', 'another hash') FROM hashes;
SELECT pg_temp.refused(pg_temp.seal(2, 2, 1, one), 'audit_block_range', 'a range backwards') FROM hashes;
SELECT pg_temp.accepted(pg_temp.seal(2, 2, 2, one), 'the second block') FROM hashes;
SELECT pg_temp.refused('INSERT INTO sdm.audit_block SELECT 3, 3, 3, 2, two, two, repeat(''x'', 40)::bytea, now(), 1 FROM hashes',
    'audit_block_leaves', 'fewer leaves than entries');
SELECT pg_temp.refused('INSERT INTO sdm.audit_block SELECT 3, 3, 3, -1, two, two, '''', now(), 1 FROM hashes',
    'audit_block_leaves', 'fewer than none');
SELECT pg_temp.refused('INSERT INTO sdm.audit_block SELECT 3, 3, 3, 0, two, two || ''x'', '''', now(), 1 FROM hashes',
    'audit_block_hash_check', 'a hash that is none');

-- Pruning.
SELECT is(sdm.audit_prune_before('-infinity'), 0::bigint, 'nothing is as old as that');
SELECT is(sdm.audit_prune_before('infinity'), 1::bigint, 'the last block stays');
SELECT results_eq('SELECT block_no, last_id, n_blocks, n_entries, hash FROM sdm.audit_prune',
    'SELECT 1::bigint, 1::bigint, 1::bigint, 1::bigint, one FROM hashes', 'what went is on record');
SELECT is((SELECT min(id) FROM sdm.audit_entry), 2::bigint, 'and is gone');
SELECT results_eq('SELECT action, object FROM sdm.audit_entry ORDER BY id DESC LIMIT 1', $$VALUES ('prune', '1')$$,
    'the log says so itself');
SELECT pg_temp.refused('DELETE FROM sdm.audit_entry', 'audit_entry_stays', 'afterwards nothing goes');
SELECT pg_temp.accepted(pg_temp.seal(3, 3, 3, two), 'the chain goes on') FROM hashes;
SELECT is(sdm.audit_prune_before('infinity'), 1::bigint, 'again');

SELECT * FROM finish();
ROLLBACK;
