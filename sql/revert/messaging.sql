-- Revert sdm:messaging from pg

BEGIN;

DROP TABLE sdm.outbox;
DROP TABLE sdm.stored_reply;

COMMIT;
