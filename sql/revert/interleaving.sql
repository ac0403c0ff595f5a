-- Revert sdm:interleaving from pg

BEGIN;

ALTER TABLE sdm.device DROP report_made_us;
ALTER TABLE sdm.circuit DROP cutting;
UPDATE sdm.schema_version SET version = 5;

COMMIT;
