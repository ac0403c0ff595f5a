-- Verify sdm:interleaving on pg

BEGIN;

SELECT cutting FROM sdm.circuit WHERE false;
SELECT report_made_us FROM sdm.device WHERE false;

ROLLBACK;
