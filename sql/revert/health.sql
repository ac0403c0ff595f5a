-- Revert sdm:health from pg

BEGIN;

DROP INDEX sdm.device_lost;
UPDATE sdm.schema_version SET version = 3;

COMMIT;
