-- Revert sdm:leadership from pg

BEGIN;

DROP FUNCTION sdm.take_over(text);
DROP FUNCTION sdm.hold_epoch(bigint);
DROP TABLE sdm.leader;
DROP FUNCTION sdm.leader_may_change();

COMMIT;
