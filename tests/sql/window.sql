BEGIN;
\ir fixture.psql
SELECT plan(32);

-- Reservation 1 (mode vm) holds segments 10 and 11, reservation 2 is a group of one segment, 20.
SELECT pg_temp.reserve(1), pg_temp.reserve(2, 'device', 'g'), pg_temp.reserve(3);
SELECT pg_temp.cut(10, 1, 3, 0, 512), pg_temp.cut(11, 1, 3, 512, 512), pg_temp.cut(20, 2, 3, 1024, 512);
SELECT pg_temp.wire(1, 1, 0, 3, 0), pg_temp.wire(2, 2, 0, 3, 1), pg_temp.wire(3, 1, 1, 4, 0);
SELECT pg_temp.attach(1, 1, 1), pg_temp.attach(2, 2, 1), pg_temp.attach(3, 2, 2), pg_temp.attach(4, 3, 1);
SELECT pg_temp.map(1, 1, 10, 1, 1, 0, 4096, 512);

-- Address ranges and entries.
SELECT pg_temp.refused('SELECT pg_temp.map(2, 1, 11, 1, 1, 1, 4096, 512)', 'netport_window_one_use', 'the same window');
SELECT pg_temp.refused('SELECT pg_temp.map(2, 1, 11, 1, 1, 1, 3840, 512)', 'netport_window_off_registers', 'below, where the registers are');
SELECT pg_temp.refused('UPDATE sdm.netport_window SET start_bytes = start_bytes + pg_temp.mib(8192);
                        SELECT pg_temp.map(2, 1, 11, 1, 1, 1, 12032, 512)', 'netport_window_one_use', 'overlap below');
SELECT pg_temp.refused('SELECT pg_temp.map(2, 1, 11, 1, 1, 1, 4352, 512)', 'netport_window_one_use', 'overlap above');
SELECT pg_temp.refused('SELECT pg_temp.map(2, 1, 11, 1, 1, 0, 8192, 512)', 'netport_window_compute_no_entry_key', 'an entry twice');
SELECT pg_temp.refused('SELECT pg_temp.map(2, 1, 11, 1, 1, 4096, 8192, 512)', 'netport_window_entry_check', 'an entry too far');
SELECT pg_temp.refused('SELECT pg_temp.map(2, 1, 11, 1, 1, -1, 8192, 512)', 'netport_window_entry_check', 'an entry below the first');
SELECT pg_temp.refused('SELECT pg_temp.map(2, 1, 11, 1, 1, 1, 512, 512)', 'netport_window_start_bytes_check', 'below 1 GiB');
SELECT pg_temp.refused('SELECT pg_temp.map(2, 1, 11, 1, 1, 1, 16777216, 512)', 'netport_window_below_ceiling', 'above 16 TiB');
SELECT pg_temp.refused('SELECT pg_temp.map(2, 1, 11, 1, 1, 1, 16776704, 512)', 'netport_window_below_ceiling', 'with the last page, which has no name');
SELECT pg_temp.refused('SELECT pg_temp.map(2, 1, 11, 1, 1, 1, 3584, 512)', 'netport_window_off_registers', 'over the RMC''s registers');
SELECT pg_temp.refused(
    'INSERT INTO sdm.netport_window (window_id, attachment, segment, circuit, compute_no, entry, start_bytes, size_bytes, want, generation)
     VALUES (pg_temp.id(2), pg_temp.id(1), pg_temp.id(11), pg_temp.id(1), 1, 1, 8589934593, 536870912, ''mapped'', 1)',
    'netport_window_check', 'off the page');

-- The bytes behind it.
SELECT pg_temp.refused('SELECT pg_temp.map(2, 1, 11, 1, 1, 1, 8192, 640)', 'netport_window_fits', 'larger than the segment');
SELECT pg_temp.refused('SELECT pg_temp.map(2, 4, 11, 1, 1, 1, 8192, 512)', 'netport_window_fits', 'a segment of another reservation');
SELECT pg_temp.refused('SELECT pg_temp.map(2, 1, 11, 2, 2, 1, 8192, 512)', 'netport_window_fits', 'on a brick where it is not attached');
SELECT pg_temp.refused('SELECT pg_temp.map(2, 1, 11, 2, 1, 1, 8192, 512)', 'netport_window_fits', 'over another brick''s circuit');
SELECT pg_temp.refused('SELECT pg_temp.map(2, 1, 11, 3, 1, 1, 8192, 512)', 'netport_window_fits', 'over a circuit to another memory brick');
SELECT pg_temp.refused('SELECT pg_temp.map(2, 1, 10, 1, 1, 1, 8192, 512)', 'netport_window_segment_compute_no_key', 'a segment twice on one brick');
SELECT pg_temp.accepted('SELECT pg_temp.map(2, 1, 11, 1, 1, 4095, 16776192, 512)', 'the last entry, the highest window');
SELECT pg_temp.refused('UPDATE sdm.netport_window SET size_bytes = size_bytes + 4096 WHERE window_id = pg_temp.id(1)',
                       'netport_window_fits', 'grown beyond the segment');
SELECT pg_temp.refused('DELETE FROM sdm.segment WHERE segment = pg_temp.id(10)',
                       'netport_window_segment_fkey', 'a segment freed while it is mapped');
SELECT pg_temp.refused('DELETE FROM sdm.circuit WHERE circuit = pg_temp.id(1)',
                       'netport_window_circuit_fkey', 'a circuit cut while it is used');

-- One user, unless it is a group.
SELECT pg_temp.refused('SELECT pg_temp.attach(5, 1, 2)', 'attachment_one_user', 'attached to two bricks');
SELECT pg_temp.refused('SELECT pg_temp.attach(5, 1, 1)', 'attachment_reservation_compute_no_key', 'attached twice to one brick');
SELECT pg_temp.accepted('SELECT pg_temp.attach(5, 1, 2, ''absent'')', 'prepared on another brick');
SELECT pg_temp.refused('UPDATE sdm.attachment SET shared = true, want = ''mapped'' WHERE attachment = pg_temp.id(5)',
                       'attachment_one_user', 'declared shared by the writer');
SELECT pg_temp.refused('SELECT pg_temp.map(3, 5, 10, 2, 2, 0, 4096, 512)', 'netport_window_one_user', 'one segment in two kernels');
SELECT pg_temp.refused('UPDATE sdm.netport_window SET shared = true WHERE window_id = pg_temp.id(1);
                        SELECT pg_temp.map(3, 5, 10, 2, 2, 0, 4096, 512)',
                       'netport_window_one_user', 'one segment in two kernels, declared shared');
SELECT pg_temp.accepted('SELECT pg_temp.map(6, 2, 20, 1, 1, 7, 8192, 512), pg_temp.map(7, 3, 20, 2, 2, 7, 8192, 512)',
                        'a group''s segment in two bricks');
SELECT pg_temp.accepted('UPDATE sdm.attachment SET want = ''absent'' WHERE attachment = pg_temp.id(1)', 'detached');
SELECT pg_temp.accepted('UPDATE sdm.attachment SET want = ''attached'' WHERE attachment = pg_temp.id(5)', 'attached elsewhere');
SELECT pg_temp.refused('SELECT pg_temp.attach(8, 1, 3, ''absent'')', 'attachment_compute_no_compute_kind_fkey', 'attached to a memory brick');

SELECT * FROM finish();
ROLLBACK;
