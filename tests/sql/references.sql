BEGIN;
\ir fixture.psql
SELECT plan(27);

-- References that are checked once a statement: each row of it counts, whichever comes first.
SELECT pg_temp.reserve(1), pg_temp.cut(1, 1, 3, 0, 128), pg_temp.wire(1, 1, 0, 3, 0);
INSERT INTO sdm.segment_circuit VALUES (pg_temp.id(1), pg_temp.id(1));

CREATE FUNCTION pg_temp.reserves(project text, brick integer) RETURNS text LANGUAGE sql AS $$
    SELECT format('INSERT INTO sdm.reservation (reservation, project, mode, compute_no, latency_class, policy,
                                                size_bytes, requested_bytes, lease_end)
                   VALUES (pg_temp.id(2), ''p'', ''vm'', 1, ''tray'', ''near'', 0, 0, now()),
                          (pg_temp.id(3), %L, ''vm'', %s, ''tray'', ''near'', 0, 0, now())', project, brick)
$$;
SELECT pg_temp.refused(pg_temp.reserves('q', 1), 'reservation_project_fkey', 'a project that nobody knows');
SELECT pg_temp.refused(pg_temp.reserves('p', 3), 'reservation_compute_no_compute_kind_fkey', 'for a memory brick');
SELECT pg_temp.refused(pg_temp.reserves('p', 99), 'reservation_compute_no_compute_kind_fkey', 'for no brick');
SELECT pg_temp.accepted(pg_temp.reserves('p', 2), 'two that fit');

CREATE FUNCTION pg_temp.cuts(reservation integer, brick integer, capacity_mib integer, usable boolean) RETURNS text
LANGUAGE sql AS $$
    SELECT format('INSERT INTO sdm.segment (segment, reservation, brick_no, capacity_bytes, brick_usable, offset_bytes,
                                            size_bytes, latency_class, state)
                   VALUES (pg_temp.id(8), pg_temp.id(1), 3, pg_temp.mib(4096), true, pg_temp.mib(1024), 4096, ''tray'',
                           ''quarantined''),
                          (pg_temp.id(9), pg_temp.id(%s), %s, pg_temp.mib(%s), %L, pg_temp.mib(2048) - 4096, 4096, ''tray'',
                           ''quarantined'')', reservation, brick, capacity_mib, usable)
$$;
SELECT pg_temp.refused(pg_temp.cuts(99, 4, 2048, true), 'segment_reservation_fkey', 'of no reservation');
SELECT pg_temp.refused(pg_temp.cuts(1, 4, 4096, true), 'segment_of_brick', 'a capacity that is not the brick''s');
SELECT pg_temp.refused(pg_temp.cuts(1, 4, 2048, false), 'segment_of_brick', 'a usability that is not the brick''s');
SELECT pg_temp.refused(pg_temp.cuts(1, 1, 2048, true), 'segment_of_brick', 'of a compute brick');
SELECT pg_temp.accepted(pg_temp.cuts(1, 4, 2048, true), 'two that fit');
SELECT pg_temp.refused('UPDATE sdm.segment SET reservation = pg_temp.id(99) WHERE segment = pg_temp.id(9)',
                       'segment_reservation_fkey', 'given to nobody that is known');
SELECT pg_temp.accepted('UPDATE sdm.segment SET reservation = NULL WHERE segment = pg_temp.id(9)', 'taken from its reservation');
SELECT pg_temp.refused('UPDATE sdm.segment SET reservation = pg_temp.id(99) WHERE segment = pg_temp.id(9)',
                       'segment_reservation_fkey', 'of nobody, given to nobody that is known');
SELECT pg_temp.refused('UPDATE sdm.segment SET capacity_bytes = pg_temp.mib(8192) WHERE segment = pg_temp.id(9)',
                       'segment_of_brick', 'a capacity of its own');
SELECT pg_temp.refused('UPDATE sdm.segment SET brick_usable = false WHERE segment = pg_temp.id(9)',
                       'segment_of_brick', 'a usability of its own');

SELECT pg_temp.refused('INSERT INTO sdm.segment_circuit VALUES (pg_temp.id(8), pg_temp.id(1)), (pg_temp.id(9), pg_temp.id(99))',
                       'segment_circuit_circuit_fkey', 'over no circuit');
SELECT pg_temp.refused('INSERT INTO sdm.segment_circuit VALUES (pg_temp.id(8), pg_temp.id(1)), (pg_temp.id(99), pg_temp.id(1))',
                       'segment_circuit_segment_fkey', 'of no segment');
SELECT pg_temp.refused('UPDATE sdm.segment_circuit SET circuit = pg_temp.id(99)', 'segment_circuit_stays', 'over another circuit');
SELECT pg_temp.refused('UPDATE sdm.circuit SET circuit = pg_temp.id(2)', 'circuit_stays', 'a circuit by another name');

-- Who is referred to stays.
SELECT pg_temp.refused('DELETE FROM sdm.project', 'project_stays', 'a project deleted');
SELECT pg_temp.refused('UPDATE sdm.project SET project = ''q''', 'project_stays', 'a project by another name');
SELECT pg_temp.refused('DELETE FROM sdm.reservation WHERE reservation = pg_temp.id(2)', 'reservation_stays', 'a reservation deleted');
SELECT pg_temp.refused('UPDATE sdm.reservation SET reservation = pg_temp.id(4) WHERE reservation = pg_temp.id(2)',
                       'reservation_stays', 'a reservation by another name');

-- A device is not cabled any more when it is deleted.
DELETE FROM sdm.port WHERE device_no IN (2, 4);
SELECT pg_temp.refused('DELETE FROM sdm.device WHERE device_no = 4', 'segment_of_brick', 'a brick with a segment deleted');
SELECT pg_temp.refused('DELETE FROM sdm.device WHERE device_no = 2', 'reservation_compute_no_compute_kind_fkey',
                       'a brick with a reservation deleted');
SELECT pg_temp.refused('UPDATE sdm.device SET kind = ''electrical'' WHERE device_no = 2', 'reservation_compute_no_compute_kind_fkey',
                       'a brick with a reservation made a switch');

-- Routes go with their segment.
UPDATE sdm.segment SET state = 'scrubbing' WHERE segment = pg_temp.id(1);
SELECT pg_temp.accepted('WITH gone AS (DELETE FROM sdm.segment WHERE segment = pg_temp.id(1) RETURNING *)
                         INSERT INTO sdm.scrub_record (segment, reservation, brick_no, offset_bytes, size_bytes, epoch)
                         SELECT segment, reservation, brick_no, offset_bytes, size_bytes, 1 FROM gone', 'a segment freed');
SELECT is((SELECT count(*) FROM sdm.segment_circuit), 0::bigint, 'its route is gone');

SELECT * FROM finish();
ROLLBACK;
