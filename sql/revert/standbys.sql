-- Revert sdm:standbys from pg

BEGIN;

DROP TABLE sdm.controller;
UPDATE sdm.schema_version SET version = 6;

COMMIT;
