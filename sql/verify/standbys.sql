-- Verify sdm:standbys on pg

BEGIN;

SELECT name, host, pid, version, sees_broker, since, beat FROM sdm.controller WHERE false;

ROLLBACK;
