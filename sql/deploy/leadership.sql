-- Deploy sdm:leadership
-- requires: appschema

BEGIN;

CREATE TABLE sdm.leader (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch  bigint NOT NULL CHECK (epoch >= 0),
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
    -- A snapshot that is older than the lock would show an older epoch.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'hold_epoch needs read committed' USING ERRCODE = 'SD002';
    END IF;
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
    RETURNING epoch INTO STRICT taken;
    RETURN taken;
END $$;

-- The row stays and its epoch only grows: a lower one would let a superseded leader write again.
CREATE FUNCTION sdm.leader_may_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the epoch % can only grow', OLD.epoch
        USING ERRCODE = 'check_violation', CONSTRAINT = 'leader_epoch_grows';
END $$;
CREATE TRIGGER leader_epoch_grows BEFORE UPDATE ON sdm.leader FOR EACH ROW
    WHEN (NEW.epoch < OLD.epoch) EXECUTE FUNCTION sdm.leader_may_change();
CREATE TRIGGER leader_stays BEFORE DELETE ON sdm.leader FOR EACH ROW
    EXECUTE FUNCTION sdm.leader_may_change();

COMMIT;
