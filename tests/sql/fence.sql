BEGIN;
\ir fixture.psql
SELECT plan(17);

SELECT pg_temp.reserve(1), pg_temp.reserve(2, 'device', 'g');
SELECT pg_temp.cut(10, 1, 3, 0, 512), pg_temp.cut(11, 2, 3, 1024, 512);
SELECT pg_temp.wire(1, 1, 0, 3, 0), pg_temp.wire(2, 2, 0, 3, 1);
SELECT pg_temp.attach(1, 1, 1), pg_temp.attach(2, 2, 1), pg_temp.attach(3, 2, 2);

-- How far a fence is, and of what.
SELECT pg_temp.refused('UPDATE sdm.device SET fence = ''cutting'', fence_method = ''any'' WHERE device_no = 1',
                       'device_fence_of_compute', 'a fence without the state');
SELECT pg_temp.refused('UPDATE sdm.device SET state = ''fenced'', fence = ''cutting'' WHERE device_no = 1',
                       'device_fence_of_compute', 'a fence without its method');
SELECT pg_temp.refused('UPDATE sdm.device SET state = ''fenced'', fence = ''cutting'', fence_method = ''cut'' WHERE device_no = 5',
                       'device_fence_of_compute', 'a fence of an accelerator');
SELECT pg_temp.accepted('UPDATE sdm.device SET state = ''fenced'', fence = ''cutting'', fence_method = ''cut'' WHERE device_no = 1',
                        'of a compute brick');
SELECT pg_temp.refused('UPDATE sdm.device SET state = ''active'' WHERE device_no = 1',
                       'device_fence_of_compute', 'active while it is cut off');

-- Nothing is mapped there from then on.
SELECT pg_temp.refused('SELECT pg_temp.map(1, 1, 10, 1, 1, 1, 8192, 512)', 'netport_window_reachable', 'a window on a fenced brick');
SELECT pg_temp.accepted('SELECT pg_temp.map(3, 3, 11, 2, 2, 1, 8192, 512)', 'on another one');
SELECT pg_temp.accepted('UPDATE sdm.device SET state = ''active'', fence = NULL, fence_method = NULL WHERE device_no = 1',
                        'it serves again');
SELECT pg_temp.accepted('SELECT pg_temp.map(1, 1, 10, 1, 1, 1, 8192, 512)', 'and is mapped to');

-- Quarantine has an owner still, or none, and blocks.
SELECT pg_temp.accepted('UPDATE sdm.segment SET state = ''quarantined'', quarantined = now(), quarantine_text = ''why''
                         WHERE segment = pg_temp.id(10)', 'to quarantine, with its owner');
SELECT pg_temp.refused('SELECT pg_temp.cut(12, 2, 3, 0, 128)', 'segment_one_owner', 'bytes in quarantine');
SELECT pg_temp.refused('DELETE FROM sdm.segment WHERE segment = pg_temp.id(10)', 'netport_window_segment_fkey',
                       'freed while it may be mapped');
SELECT pg_temp.accepted('DELETE FROM sdm.netport_window WHERE segment = pg_temp.id(10)', 'nobody maps it');
SELECT pg_temp.refused('DELETE FROM sdm.segment WHERE segment = pg_temp.id(10)', 'segment_was_scrubbed', 'freed without a scrub');

-- Bytes that were found mapped are nobody's, and in the way of everybody.
SELECT pg_temp.accepted('INSERT INTO sdm.segment (segment, brick_no, capacity_bytes, offset_bytes, size_bytes, latency_class,
                         state, mapped_by) SELECT pg_temp.id(20), 3, capacity_bytes, pg_temp.mib(2048), 4096, ''rack'',
                         ''quarantined'', ''{cb1}'' FROM sdm.device WHERE device_no = 3', 'found, without an owner');
SELECT pg_temp.refused('INSERT INTO sdm.segment (segment, brick_no, capacity_bytes, offset_bytes, size_bytes, latency_class,
                        state) SELECT pg_temp.id(21), 3, capacity_bytes, pg_temp.mib(2048), 4096, ''rack'', ''quarantined''
                        FROM sdm.device WHERE device_no = 3', 'segment_one_owner', 'found twice');
SELECT pg_temp.refused('UPDATE sdm.segment SET mapped_by = ''{}'' WHERE segment = pg_temp.id(11)',
                       'segment_found_is_not_live', 'a live one that was found');

SELECT * FROM finish();
ROLLBACK;
