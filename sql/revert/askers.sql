-- Revert sdm:askers from pg

BEGIN;

ALTER TABLE sdm.stored_reply DROP COLUMN further_askers;
UPDATE sdm.schema_version SET version = 1;

COMMIT;
