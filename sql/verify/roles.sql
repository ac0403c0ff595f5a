-- Verify sdm:roles on pg

BEGIN;

SELECT 1 / (prosecdef)::integer FROM pg_proc WHERE oid = 'sdm.take_over(text)'::regprocedure;
SELECT 1 / (NOT has_table_privilege(oid, 'sdm.leader', 'INSERT')
            AND NOT has_table_privilege(oid, 'sdm.scrub_record', 'DELETE')
            AND has_table_privilege(oid, 'sdm.segment', 'DELETE')
            AND has_column_privilege(oid, 'sdm.leader', 'beat', 'UPDATE')
            AND has_function_privilege(oid, 'sdm.take_over(text)', 'EXECUTE'))::integer
  FROM pg_roles WHERE rolname = 'sdm_controller';

ROLLBACK;
