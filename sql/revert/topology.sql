-- Revert sdm:topology from pg

BEGIN;

DROP TABLE sdm.vm;
DROP TABLE sdm.port;
DROP FUNCTION sdm.port_within_device();
DROP TABLE sdm.link;
DROP TABLE sdm.device;
DROP FUNCTION sdm.device_may_change();
DROP TABLE sdm.tray;
DROP TABLE sdm.rack;
DROP TABLE sdm.pod;

COMMIT;
