-- Revert sdm:devicelocks from pg

BEGIN;

DROP TRIGGER device_may_change ON sdm.device;
CREATE TRIGGER device_may_change BEFORE UPDATE ON sdm.device FOR EACH ROW
    WHEN (NEW.want_generation < OLD.want_generation OR NEW.n_ports < OLD.n_ports)
    EXECUTE FUNCTION sdm.device_may_change();
UPDATE sdm.schema_version SET version = 8;

COMMIT;
