-- Verify sdm:references on pg

BEGIN;

SELECT 1 / (count(*) = 0)::integer FROM (VALUES
    ('sdm.reservation'::regclass, 'reservation_refers'),
    ('sdm.project'::regclass, 'project_stays'),
    ('sdm.project'::regclass, 'project_keeps_its_name'),
    ('sdm.reservation'::regclass, 'reservation_stays'),
    ('sdm.reservation'::regclass, 'reservation_keeps_its_owner'),
    ('sdm.reservation_history'::regclass, 'reservation_history_refers'),
    ('sdm.segment'::regclass, 'segment_refers_to_reservation'),
    ('sdm.segment'::regclass, 'segment_changes_owner'),
    ('sdm.segment'::regclass, 'segment_refers_to_brick'),
    ('sdm.segment'::regclass, 'segment_follows_brick'),
    ('sdm.device'::regclass, 'brick_changes'),
    ('sdm.device'::regclass, 'device_is_referred_to'),
    ('sdm.device'::regclass, 'device_stays_what_it_is'),
    ('sdm.segment_circuit'::regclass, 'segment_circuit_refers'),
    ('sdm.segment_circuit'::regclass, 'segment_circuit_stays'),
    ('sdm.segment'::regclass, 'segment_is_gone'),
    ('sdm.circuit'::regclass, 'circuit_is_gone'),
    ('sdm.circuit'::regclass, 'circuit_keeps_its_name')
) AS wanted (relation, name)
 WHERE NOT EXISTS (SELECT FROM pg_trigger t
                   WHERE (t.tgrelid, t.tgname) = (wanted.relation, wanted.name) AND t.tgenabled <> 'D');

ROLLBACK;
