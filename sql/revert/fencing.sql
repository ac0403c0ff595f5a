-- Revert sdm:fencing from pg

BEGIN;

DROP TRIGGER netport_window_reachable ON sdm.netport_window;
DROP FUNCTION sdm.netport_window_reachable();
ALTER TABLE sdm.segment DROP quarantined, DROP quarantine_text;
ALTER TABLE sdm.device DROP fence, DROP fence_method, DROP fence_tries, DROP fence_generation;
DROP TYPE sdm.fence_state;
DROP TYPE sdm.fence_method;
UPDATE sdm.schema_version SET version = 2;

COMMIT;
