-- Deploy sdm:leadership
-- requires: appschema

BEGIN;

CREATE TABLE sdm.leader (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch  bigint NOT NULL,
    holder text NOT NULL,
    since  timestamptz NOT NULL,
    beat   timestamptz NOT NULL
);
INSERT INTO sdm.leader (epoch, holder, since, beat) VALUES (0, '', now(), now());

-- Holds leadership of 'wanted' from here to the end of the transaction: first statement of every
-- writing transaction.  A takeover takes the same lock alone, so it waits for those that checked
-- before it, and those that come after it see its epoch.
CREATE FUNCTION sdm.hold_epoch(wanted bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7170001);
    SELECT l.epoch INTO found FROM sdm.leader l;
    IF found IS DISTINCT FROM wanted THEN
        RAISE EXCEPTION 'epoch % has been superseded by %', wanted, found USING ERRCODE = 'SD001';
    END IF;
END $$;

-- Makes 'new_holder' the leader and returns its epoch.  The caller has ended the sessions of the
-- leader before it.
CREATE FUNCTION sdm.take_over(new_holder text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    taken bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(7170001);
    UPDATE sdm.leader
       SET epoch = epoch + 1, holder = new_holder,
           since = clock_timestamp(), beat = clock_timestamp()
    RETURNING epoch INTO taken;
    RETURN taken;
END $$;

COMMIT;
