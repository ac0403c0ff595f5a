-- Deploy sdm:adoption
-- requires: standbys

BEGIN;

UPDATE sdm.schema_version SET version = 8;

-- Compute bricks that a memory brick says to map bytes which the database knows to be nobody's, or
-- another's: the database is older than its hardware. Null where nothing was found so; empty once
-- they have let go.
ALTER TABLE sdm.segment
    ADD mapped_by text[],
    ADD CONSTRAINT segment_found_is_not_live CHECK (mapped_by IS NULL OR state <> 'live');

-- Raises the epoch of the leader that has 'held' above what its devices have seen: in a database
-- that was restored it is one that others have led under. Bounded, so that no device can use up the
-- epochs.
CREATE FUNCTION sdm.rise(held bigint, above bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    risen bigint;
BEGIN
    IF above < held OR above - held > 1048576 THEN
        RAISE EXCEPTION 'epoch % does not rise above %', held, above
            USING ERRCODE = 'check_violation', CONSTRAINT = 'leader_rises_a_little';
    END IF;
    PERFORM pg_advisory_xact_lock(7170001);
    UPDATE sdm.leader SET epoch = above + 1, beat = clock_timestamp() WHERE epoch = held
    RETURNING epoch INTO risen;
    IF risen IS NULL THEN
        RAISE EXCEPTION 'epoch % has been superseded', held USING ERRCODE = 'SD001';
    END IF;
    RETURN risen;
END $$;

-- As sdm.take_over().
ALTER FUNCTION sdm.rise(bigint, bigint) SECURITY DEFINER SET search_path = pg_catalog;
REVOKE EXECUTE ON FUNCTION sdm.rise(bigint, bigint) FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sdm_controller') THEN
        GRANT EXECUTE ON FUNCTION sdm.rise(bigint, bigint) TO sdm_controller;
    END IF;
END $$;

COMMIT;
