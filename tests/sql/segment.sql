BEGIN;
\ir fixture.psql
SELECT plan(37);

SELECT pg_temp.reserve(1), pg_temp.reserve(2);
SELECT pg_temp.cut(10, 1, 3, 1024, 512);

-- One owner of every byte.
SELECT pg_temp.refused('SELECT pg_temp.cut(11, 2, 3, 1024, 512)', 'segment_one_owner', 'the same bytes');
SELECT pg_temp.refused('SELECT pg_temp.cut(11, 1, 3, 1024, 512)',
                       'segment_one_owner', 'the same bytes to the same reservation');
SELECT pg_temp.refused('SELECT pg_temp.cut(11, 2, 3, 896, 256)', 'segment_one_owner', 'overlap below');
SELECT pg_temp.refused('SELECT pg_temp.cut(11, 2, 3, 1408, 256)', 'segment_one_owner', 'overlap above');
SELECT pg_temp.refused('SELECT pg_temp.cut(11, 2, 3, 1152, 128)', 'segment_one_owner', 'inside');
SELECT pg_temp.refused('SELECT pg_temp.cut(11, 2, 3, 0, 4096)', 'segment_one_owner', 'around');
SELECT pg_temp.accepted('SELECT pg_temp.cut(11, 2, 3, 896, 128)', 'adjacent below');
SELECT pg_temp.accepted('SELECT pg_temp.cut(12, 2, 3, 1536, 128)', 'adjacent above');
SELECT pg_temp.accepted('SELECT pg_temp.cut(13, 2, 4, 1024, 512)', 'the same range of another brick');
SELECT pg_temp.refused(
    format('INSERT INTO sdm.segment (segment, reservation, brick_no, capacity_bytes, offset_bytes, size_bytes, latency_class)
            VALUES (pg_temp.id(20), pg_temp.id(1), 3, %s, 0, 4096, ''tray''),
                   (pg_temp.id(21), pg_temp.id(2), 3, %s, 0, 4096, ''tray'')', pg_temp.mib(4096), pg_temp.mib(4096)),
    'segment_one_owner', 'twice in one statement');
SELECT is(pg_temp.touched(
    'INSERT INTO sdm.segment (segment, reservation, brick_no, capacity_bytes, offset_bytes, size_bytes, latency_class)
     VALUES (pg_temp.id(20), pg_temp.id(2), 3, pg_temp.mib(4096), pg_temp.mib(1024), pg_temp.mib(128), ''tray''),
            (pg_temp.id(21), pg_temp.id(2), 3, pg_temp.mib(4096), pg_temp.mib(2048), pg_temp.mib(128), ''tray'')
     ON CONFLICT DO NOTHING'), 1, 'ON CONFLICT DO NOTHING takes what was free');

-- What is not free yet still blocks.
SELECT pg_temp.accepted('UPDATE sdm.segment SET state = ''scrubbing'' WHERE segment = pg_temp.id(10)', 'to scrubbing');
SELECT pg_temp.refused('SELECT pg_temp.cut(29, 2, 3, 1024, 512)', 'segment_one_owner', 'while it is scrubbed');
SELECT pg_temp.accepted('UPDATE sdm.segment SET state = ''quarantined'', reservation = NULL WHERE segment = pg_temp.id(10)',
                        'to quarantine, without owner');
SELECT pg_temp.refused('SELECT pg_temp.cut(29, 2, 3, 1024, 512)', 'segment_one_owner', 'while it is quarantined');
SELECT pg_temp.refused('UPDATE sdm.segment SET state = ''live'' WHERE segment = pg_temp.id(10)',
                       'segment_live_is_reserved', 'live without a reservation');

-- Within its brick.
SELECT pg_temp.refused('SELECT pg_temp.cut(30, 1, 3, 4032, 128)', 'segment_within_brick', 'beyond the capacity');
SELECT pg_temp.refused('SELECT pg_temp.cut(30, 1, 3, -128, 128)', 'segment_offset_bytes_check', 'below the brick');
SELECT pg_temp.refused('SELECT pg_temp.cut(30, 1, 3, 3072, 0)', 'segment_size_bytes_check', 'without a byte');
SELECT pg_temp.accepted('SELECT pg_temp.cut(30, 1, 3, 3968, 128)', 'up to the last byte');
SELECT pg_temp.refused(
    'INSERT INTO sdm.segment (segment, reservation, brick_no, capacity_bytes, offset_bytes, size_bytes, latency_class)
     VALUES (pg_temp.id(31), pg_temp.id(1), 3, 8589934592, 6442450944, 4096, ''tray'')',
    'segment_of_brick', 'a capacity that is not the brick''s');
SELECT pg_temp.refused(
    'INSERT INTO sdm.segment (segment, reservation, brick_no, capacity_bytes, offset_bytes, size_bytes, latency_class)
     VALUES (pg_temp.id(31), pg_temp.id(1), 3, 4294967296, 100, 4096, ''tray'')',
    'segment_whole_pages', 'off the page');
SELECT pg_temp.refused('UPDATE sdm.device SET capacity_bytes = pg_temp.mib(4095) WHERE device_no = 3',
                       'segment_within_brick', 'a brick that shrinks below a segment');
SELECT pg_temp.accepted('UPDATE sdm.device SET capacity_bytes = pg_temp.mib(8192) WHERE device_no = 3', 'a brick that grows');
SELECT pg_temp.accepted('UPDATE sdm.device SET capacity_bytes = pg_temp.mib(4096) WHERE device_no = 3',
                        'a brick that shrinks above its segments');
SELECT pg_temp.refused('UPDATE sdm.segment SET offset_bytes = 0 WHERE segment = pg_temp.id(12)',
                       'segment_keeps_its_bytes', 'a segment that moves');
SELECT pg_temp.refused('UPDATE sdm.segment SET size_bytes = 4096 WHERE segment = pg_temp.id(12)',
                       'segment_keeps_its_bytes', 'a segment that shrinks');

-- Bricks in use stay on.
SELECT pg_temp.refused('UPDATE sdm.device SET state = ''retired'' WHERE device_no = 4',
                       'segment_on_usable_brick', 'a brick with a live segment retired');
SELECT pg_temp.refused('UPDATE sdm.device SET want_power = ''off'' WHERE device_no = 4',
                       'segment_on_usable_brick', 'a brick with a live segment switched off');
SELECT pg_temp.accepted('UPDATE sdm.device SET state = ''lost'' WHERE device_no = 4', 'a brick with a live segment lost');
SELECT pg_temp.accepted('UPDATE sdm.segment SET state = ''quarantined'' WHERE brick_no = 4', 'its segments quarantined');
SELECT pg_temp.accepted('UPDATE sdm.device SET state = ''retired'' WHERE device_no = 4', 'then retired');
SELECT pg_temp.refused('SELECT pg_temp.cut(40, 1, 4, 0, 128)',
                       'segment_of_brick', 'a segment on a retired brick');

-- Free only when scrubbed.
SELECT pg_temp.refused('DELETE FROM sdm.segment WHERE segment = pg_temp.id(30)', 'segment_was_scrubbed', 'a live segment freed');
UPDATE sdm.segment SET state = 'scrubbing' WHERE segment = pg_temp.id(30);
SELECT pg_temp.refused('DELETE FROM sdm.segment WHERE segment = pg_temp.id(30)',
                       'segment_was_scrubbed', 'freed without a record');
SELECT pg_temp.refused('WITH gone AS (DELETE FROM sdm.segment WHERE segment = pg_temp.id(30) RETURNING *)
                        INSERT INTO sdm.scrub_record (segment, reservation, brick_no, offset_bytes, size_bytes, epoch)
                        SELECT segment, reservation, brick_no, offset_bytes, size_bytes - 4096, 1 FROM gone',
                       'segment_was_scrubbed', 'freed with a record of fewer bytes');
SELECT pg_temp.accepted('WITH gone AS (DELETE FROM sdm.segment WHERE segment = pg_temp.id(30) RETURNING *)
                         INSERT INTO sdm.scrub_record (segment, reservation, brick_no, offset_bytes, size_bytes, epoch)
                         SELECT segment, reservation, brick_no, offset_bytes, size_bytes, 1 FROM gone',
                        'freed with its record');

SELECT * FROM finish();
ROLLBACK;
