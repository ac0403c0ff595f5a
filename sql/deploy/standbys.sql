-- Deploy sdm:standbys
-- requires: interleaving

BEGIN;

UPDATE sdm.schema_version SET version = 7;

-- Which controllers there are: each shows life in its own row, the leader too.  One that stops takes
-- its row away; one that was killed leaves it, and the others take it away when it has been silent
-- for a minute.
CREATE TABLE sdm.controller (
    name        text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 255),
    host        text NOT NULL CHECK (length(host) <= 255),
    pid         integer NOT NULL CHECK (pid > 0),
    version     text NOT NULL CHECK (length(version) <= 32),
    -- Whether it could serve: it has a connection to the broker.
    sees_broker boolean NOT NULL,
    since       timestamptz NOT NULL,
    beat        timestamptz NOT NULL
);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sdm_controller') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON sdm.controller TO sdm_controller;
    END IF;
END $$;

COMMIT;
