-- Deploy sdm:health
-- requires: fencing

BEGIN;

UPDATE sdm.schema_version SET version = 4;

-- Whether a reservation is degraded is asked with each look at it, and mostly nothing is lost.
CREATE INDEX device_lost ON sdm.device (device_no) WHERE state = 'lost';

COMMIT;
