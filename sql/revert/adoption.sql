-- Revert sdm:adoption from pg

BEGIN;

DROP FUNCTION sdm.rise(bigint, bigint);
ALTER TABLE sdm.segment DROP mapped_by;
UPDATE sdm.schema_version SET version = 7;

COMMIT;
