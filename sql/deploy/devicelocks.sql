-- Deploy sdm:devicelocks
-- requires: adoption

BEGIN;

UPDATE sdm.schema_version SET version = 9;

-- A trigger before an update has all generated columns computed anew, so that each update of a device
-- counted as one of the key that reservations and segments refer to: it waited for all who had just
-- inserted one, and deadlocked with them.  After the update it refuses the same.
DROP TRIGGER device_may_change ON sdm.device;
CREATE TRIGGER device_may_change AFTER UPDATE ON sdm.device FOR EACH ROW
    WHEN (NEW.want_generation < OLD.want_generation OR NEW.n_ports < OLD.n_ports)
    EXECUTE FUNCTION sdm.device_may_change();

COMMIT;
