-- Verify sdm:adoption on pg

BEGIN;

SELECT mapped_by FROM sdm.segment WHERE false;
SELECT has_function_privilege('sdm.rise(bigint, bigint)', 'execute');

ROLLBACK;
