-- Verify sdm:askers on pg

BEGIN;

SELECT further_askers FROM sdm.stored_reply WHERE false;

ROLLBACK;
