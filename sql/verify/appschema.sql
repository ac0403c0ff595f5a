-- Verify sdm:appschema on pg

BEGIN;

SELECT 1 / (count(*) = 1)::integer FROM sdm.schema_version WHERE version >= 1;
SELECT 'live'::sdm.segment_state, 'vm'::sdm.mode, 'inter-rack'::sdm.latency_class;

ROLLBACK;
