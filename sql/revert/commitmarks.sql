-- Revert sdm:commitmarks from pg

BEGIN;

DROP TABLE sdm.commit_mark;
UPDATE sdm.schema_version SET version = 9;

COMMIT;
