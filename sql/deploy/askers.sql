-- Deploy sdm:askers
-- requires: roles

BEGIN;

-- Who else waits for the same answer: objects with reply_to, correlation_id and oslo_msg_id, as above.
ALTER TABLE sdm.stored_reply
    ADD COLUMN further_askers jsonb NOT NULL DEFAULT '[]',
    ADD CONSTRAINT stored_reply_further_askers_check CHECK (jsonb_typeof(further_askers) = 'array');

UPDATE sdm.schema_version SET version = 2;

COMMIT;
