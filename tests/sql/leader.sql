BEGIN;
\ir fixture.psql
SELECT plan(9);

SELECT is(sdm.take_over('one'), 1::bigint, 'the first epoch');
SELECT is(sdm.take_over('two'), 2::bigint, 'the next epoch');
SELECT is((SELECT holder FROM sdm.leader), 'two', 'its holder');
SELECT lives_ok('SELECT sdm.hold_epoch(2)', 'the present epoch is held');
SELECT throws_ok('SELECT sdm.hold_epoch(1)', 'SD001', 'epoch 1 has been superseded by 2', 'an older one is not');
SELECT throws_ok('SELECT sdm.hold_epoch(3)', 'SD001', 'epoch 3 has been superseded by 2', 'nor one that was never given');
SELECT pg_temp.refused('UPDATE sdm.leader SET epoch = 1', 'leader_epoch_grows', 'an epoch that goes back');
SELECT pg_temp.refused('DELETE FROM sdm.leader', 'leader_epoch_grows', 'a leader row that goes');
SELECT pg_temp.refused('INSERT INTO sdm.leader SELECT true, 9, '''', now(), now()', 'leader_pkey', 'two leader rows');

SELECT * FROM finish();
ROLLBACK;
