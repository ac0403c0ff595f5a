BEGIN;
\ir fixture.psql
SELECT plan(17);

SELECT is(sdm.take_over('one'), 1::bigint, 'the first epoch');
SELECT is(sdm.take_over('two'), 2::bigint, 'the next epoch');
SELECT is((SELECT holder FROM sdm.leader), 'two', 'its holder');
SELECT lives_ok('SELECT sdm.hold_epoch(2)', 'the present epoch is held');
SELECT throws_ok('SELECT sdm.hold_epoch(1)', 'SD001', 'epoch 1 has been superseded by 2', 'an older one is not');
SELECT throws_ok('SELECT sdm.hold_epoch(3)', 'SD001', 'epoch 3 has been superseded by 2', 'nor one that was never given');
SELECT pg_temp.refused('UPDATE sdm.leader SET epoch = 1', 'leader_epoch_grows', 'an epoch that goes back');
SELECT pg_temp.refused('DELETE FROM sdm.leader', 'leader_epoch_grows', 'a leader row that goes');
SELECT pg_temp.refused('INSERT INTO sdm.leader SELECT true, 9, '''', now(), now()', 'leader_pkey', 'two leader rows');

-- It rises above what devices have seen, by a little, while it holds.
SELECT is(sdm.rise(2, 7), 8::bigint, 'above 7');
SELECT lives_ok('SELECT sdm.hold_epoch(8)', 'and is held');
SELECT throws_ok('SELECT sdm.rise(2, 9)', 'SD001', 'epoch 2 has been superseded', 'one that is over does not rise');
SELECT pg_temp.refused('SELECT sdm.rise(8, 7)', 'leader_rises_a_little', 'downwards');
SELECT pg_temp.refused('SELECT sdm.rise(8, 8 + 1048577)', 'leader_rises_a_little', 'by a lot');
SELECT is((SELECT epoch FROM sdm.leader), 8::bigint, 'nothing of that has changed it');
SELECT is(sdm.take_over('three'), 9::bigint, 'the next one follows');

SELECT pg_temp.refused('INSERT INTO sdm.commit_mark SELECT ''session'', 1, gen_random_uuid() FROM generate_series(1, 2)',
                       'commit_mark_pkey', 'two last commits of a session');

SELECT * FROM finish();
ROLLBACK;
