-- Verify sdm:audit on pg

BEGIN;

SELECT id, at, epoch, action, actor, role, project, type, request_id, key, object_kind, object, digest,
       outcome, summary FROM sdm.audit_entry WHERE false;
SELECT block_no, first_id, last_id, n_entries, prev_hash, hash, leaves, sealed_at, epoch
  FROM sdm.audit_block WHERE false;
SELECT at, by, block_no, last_id, n_blocks, n_entries, hash FROM sdm.audit_prune WHERE false;
SELECT 1 / (count(*) = 4)::integer FROM pg_trigger
 WHERE tgname IN ('audit_entry_stays', 'audit_block_stays', 'audit_prune_stays', 'audit_block_follows');
SELECT 1 / (has_table_privilege(oid, 'sdm.audit_entry', 'INSERT')
            AND NOT has_table_privilege(oid, 'sdm.audit_entry', 'UPDATE, DELETE, TRUNCATE')
            AND NOT has_table_privilege(oid, 'sdm.audit_block', 'UPDATE, DELETE, TRUNCATE')
            AND NOT has_table_privilege(oid, 'sdm.audit_prune', 'INSERT, UPDATE, DELETE, TRUNCATE'))::integer
  FROM pg_roles WHERE rolname = 'sdm_controller';
SELECT 1 / (has_table_privilege(oid, 'sdm.audit_entry', 'SELECT')
            AND NOT has_table_privilege(oid, 'sdm.audit_entry', 'INSERT, UPDATE, DELETE, TRUNCATE')
            AND NOT has_table_privilege(oid, 'sdm.reservation', 'SELECT'))::integer
  FROM pg_roles WHERE rolname = 'sdm_auditor';

ROLLBACK;
