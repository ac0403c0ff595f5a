-- Deploy sdm:commitmarks
-- requires: devicelocks

BEGIN;

UPDATE sdm.schema_version SET version = 10;

-- The last transaction of each session that committed, by a UUID that it was given.  A server that crashes
-- forgets transactions that were not on its disk and gives their numbers out again, so that pg_xact_status()
-- of such a number tells of somebody else's; this row is there only if its own transaction is.
CREATE TABLE sdm.commit_mark (
    session text NOT NULL,
    -- One that lost its client may still hold its row; the client's next one does not wait for it.
    backend integer NOT NULL,
    mark    uuid NOT NULL,
    PRIMARY KEY (session, backend)
) WITH (fillfactor = 50);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sdm_controller') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON sdm.commit_mark TO sdm_controller;
    END IF;
END $$;

COMMIT;
