-- Revert sdm:roles from pg

BEGIN;

GRANT EXECUTE ON FUNCTION sdm.take_over(text) TO PUBLIC;
ALTER FUNCTION sdm.take_over(text) SECURITY INVOKER RESET search_path;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sdm_controller') THEN
        REVOKE ALL ON ALL TABLES IN SCHEMA sdm FROM sdm_controller;
        REVOKE ALL ON ALL FUNCTIONS IN SCHEMA sdm FROM sdm_controller;
        REVOKE ALL ON SCHEMA sdm FROM sdm_controller;
    END IF;
END $$;

COMMIT;
