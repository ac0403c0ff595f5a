-- Verify sdm:commitmarks on pg

BEGIN;

SELECT session, backend, mark FROM sdm.commit_mark WHERE false;

ROLLBACK;
