-- Verify sdm:fencing on pg

BEGIN;

SELECT fence, fence_method, fence_tries, fence_generation FROM sdm.device WHERE false;
SELECT quarantined, quarantine_text FROM sdm.segment WHERE false;
SELECT 1 / count(*) FROM pg_trigger WHERE tgname = 'netport_window_reachable';

ROLLBACK;
