-- Revert sdm:audit from pg

BEGIN;

DROP TABLE sdm.audit_prune, sdm.audit_block, sdm.audit_entry;
DROP FUNCTION sdm.audit_prune_before(timestamptz), sdm.audit_block_follows(), sdm.audit_stays();
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sdm_auditor') THEN
        REVOKE ALL ON sdm.schema_version FROM sdm_auditor;
        REVOKE ALL ON SCHEMA sdm FROM sdm_auditor;
    END IF;
END $$;
UPDATE sdm.schema_version SET version = 4;

COMMIT;
