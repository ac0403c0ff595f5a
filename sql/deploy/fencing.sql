-- Deploy sdm:fencing
-- requires: askers

BEGIN;

UPDATE sdm.schema_version SET version = 3;

-- How a compute brick is cut off: by its power controller, at the switches that it is cabled to, or
-- by whichever of them confirms it, power first.
CREATE TYPE sdm.fence_method AS ENUM ('any', 'power', 'cut');

--            s11.fence             its power controller or every switch confirms it
--   (null) ──────────▶ cutting ──────────────────────────────────────▶ confirmed
--      ▲                 ▲  │ nobody does                                 │
--      │       s11.fence │  ▼                                             │
--      │             unconfirmed ── undo ──▶ returning ◀──────── undo ────┘
--      └── its agent reports that nothing is mapped ──┘
CREATE TYPE sdm.fence_state AS ENUM ('cutting', 'unconfirmed', 'confirmed', 'returning');

-- In each of these its state is 'fenced': it is not planned with, and its agent is told to have
-- nothing.
ALTER TABLE sdm.device
    ADD fence            sdm.fence_state,
    ADD fence_method     sdm.fence_method,
    ADD fence_tries      integer NOT NULL DEFAULT 0,
    -- The first generation whose report can say that a brick that returns is empty.
    ADD fence_generation bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT device_fence_of_compute
        CHECK (fence IS NULL OR (kind = 'compute' AND state = 'fenced' AND fence_method IS NOT NULL));
CREATE INDEX device_fenced ON sdm.device (device_no) WHERE fence IS NOT NULL;

-- Why and since when a segment waits for an administrator.
ALTER TABLE sdm.segment
    ADD quarantined     timestamptz,
    ADD quarantine_text text NOT NULL DEFAULT '';

-- Whoever claimed a window before the brick was fenced and writes it afterwards.
CREATE FUNCTION sdm.netport_window_reachable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM sdm.device d WHERE d.device_no = NEW.compute_no
               AND d.state IN ('fenced', 'retired')) THEN
        RAISE EXCEPTION 'compute brick % is out of use', NEW.compute_no
            USING ERRCODE = 'check_violation', CONSTRAINT = 'netport_window_reachable';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER netport_window_reachable BEFORE INSERT ON sdm.netport_window
    FOR EACH ROW EXECUTE FUNCTION sdm.netport_window_reachable();

COMMIT;
