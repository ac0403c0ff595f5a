-- Verify sdm:leadership on pg

BEGIN;

SELECT 1 / (count(*) = 1)::integer FROM sdm.leader;
SELECT sdm.hold_epoch(epoch) FROM sdm.leader;

ROLLBACK;
