-- Verify sdm:messaging on pg

BEGIN;

SELECT project, key, fingerprint, reply FROM sdm.stored_reply WHERE false;
SELECT outbox_no, exchange, routing_key, body FROM sdm.outbox WHERE false;

ROLLBACK;
