-- Verify sdm:devicelocks on pg

BEGIN;

SELECT 1 / count(*) FROM pg_trigger
 WHERE tgrelid = 'sdm.device'::regclass AND tgname = 'device_may_change' AND tgtype & 2 = 0;

ROLLBACK;
