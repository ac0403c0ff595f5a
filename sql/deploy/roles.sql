-- Deploy sdm:roles
-- requires: messaging
-- requires: leadership

BEGIN;

-- The controller may run as role sdm_controller, which can read and write rows and cannot change the
-- schema.  The role belongs to the cluster: who runs the cluster makes it, before this is deployed;
-- where there is none, the controller runs as the owner.
-- Epochs change by sdm.take_over() only; scrub records and history are only added to.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sdm_controller') THEN
        RETURN;
    END IF;
    GRANT USAGE ON SCHEMA sdm TO sdm_controller;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sdm TO sdm_controller;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA sdm TO sdm_controller;
    REVOKE INSERT, UPDATE, DELETE ON sdm.schema_version, sdm.leader FROM sdm_controller;
    GRANT UPDATE (beat) ON sdm.leader TO sdm_controller;
    REVOKE UPDATE, DELETE ON sdm.scrub_record, sdm.reservation_history FROM sdm_controller;
END $$;

-- Runs as its owner, so that nobody else needs to be able to write an epoch.
ALTER FUNCTION sdm.take_over(text) SECURITY DEFINER SET search_path = pg_catalog;
REVOKE EXECUTE ON FUNCTION sdm.take_over(text) FROM PUBLIC;

COMMIT;
