-- Deploy sdm:interleaving
-- requires: audit

BEGIN;

UPDATE sdm.schema_version SET version = 6;

-- Its switches are being told to cut it. Set before the first of them is, and no window is offered
-- on it from then on until it has been cut, wanted again or not.
ALTER TABLE sdm.circuit
    ADD cutting boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT circuit_cutting_is_up CHECK (have_up OR NOT cutting);

-- When its agent made the last report that was taken, by the monotonic clock of that boot.
ALTER TABLE sdm.device
    ADD report_made_us bigint;

COMMIT;
