-- Revert sdm:appschema from pg

BEGIN;

SET LOCAL client_min_messages = warning;
DROP SCHEMA sdm CASCADE;
DROP EXTENSION btree_gist;

COMMIT;
