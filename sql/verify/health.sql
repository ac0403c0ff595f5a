-- Verify sdm:health on pg

BEGIN;

SELECT 1 / count(*) FROM pg_indexes WHERE schemaname = 'sdm' AND indexname = 'device_lost';

ROLLBACK;
