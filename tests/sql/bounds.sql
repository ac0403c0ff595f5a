BEGIN;
\ir fixture.psql

-- What no other test attacks: bounds of single columns, and rows that need another row.
SELECT pg_temp.reserve(1), pg_temp.cut(1, 1, 3, 0, 128), pg_temp.wire(1, 1, 0, 3, 0), pg_temp.attach(1, 1, 1);
INSERT INTO sdm.segment_circuit VALUES (pg_temp.id(1), pg_temp.id(1));
INSERT INTO sdm.vm VALUES (pg_temp.id(1), 1, 'compute', 'v', NULL, 'b', 2, 1, 0, 0, 0);
INSERT INTO sdm.stored_reply (project, key, fingerprint, type, wait, deadline)
VALUES ('p', 'k', 'f', 't', 'guest', now());

CREATE TEMPORARY TABLE attack (by_constraint text, statement text) ON COMMIT DROP;
INSERT INTO attack VALUES
    ('schema_version_one_check', 'INSERT INTO sdm.schema_version VALUES (false, 2)'),
    ('pod_segment_unit_bytes_check', 'UPDATE sdm.pod SET segment_unit_bytes = 4095'),
    ('rack_id_key', 'INSERT INTO sdm.rack (id) VALUES (''r1'')'),
    ('tray_id_key', 'INSERT INTO sdm.tray (id, rack_no) VALUES (''t1'', 1)'),
    ('tray_rack_no_fkey', 'INSERT INTO sdm.tray (id, rack_no) VALUES (''t9'', 99)'),
    ('device_capacity_bytes_check', 'UPDATE sdm.device SET capacity_bytes = 0 WHERE device_no = 4'),
    ('device_local_bytes_check', 'UPDATE sdm.device SET local_bytes = -1 WHERE device_no = 1'),
    ('device_idle_mw_check', 'UPDATE sdm.device SET idle_mw = -1 WHERE device_no = 1'),
    ('device_active_mw_check', 'UPDATE sdm.device SET active_mw = -1 WHERE device_no = 1'),
    ('device_wake_ms_check', 'UPDATE sdm.device SET wake_ms = 600001 WHERE device_no = 1'),
    ('device_tray_no_fkey', 'UPDATE sdm.device SET tray_no = 99, rack_no = NULL WHERE device_no = 1'),
    ('device_rack_no_fkey', 'UPDATE sdm.device SET rack_no = 99 WHERE device_no = 8'),
    ('port_link_no_fkey', 'INSERT INTO sdm.port VALUES (1, 3, 99, ''a'')'),
    ('vm_compute_kind_check', 'UPDATE sdm.vm SET compute_no = 3, compute_kind = ''memory'''),
    ('vm_n_slots_check', 'UPDATE sdm.vm SET n_slots = -1'),
    ('vm_n_slots_used_check', 'UPDATE sdm.vm SET n_slots_used = -1'),
    ('project_max_bytes_check', 'UPDATE sdm.project SET max_bytes = -1, used_bytes = -1'),
    ('project_max_reservations_check', 'UPDATE sdm.project SET max_reservations = -1, n_reservations = -1'),
    ('stored_reply_device_no_fkey', 'UPDATE sdm.stored_reply SET device_no = 99'),
    ('reservation_compute_kind_check',
     'UPDATE sdm.reservation SET compute_no = 3, compute_kind = ''memory'''),
    ('reservation_seq_key',
     'INSERT INTO sdm.reservation (reservation, seq, project, mode, compute_no, latency_class, policy,
                                   size_bytes, requested_bytes, lease_end)
      OVERRIDING SYSTEM VALUE
      SELECT pg_temp.id(2), seq, project, mode, compute_no, latency_class, policy, 0, 0, lease_end
        FROM sdm.reservation'),
    ('reservation_requested_bytes_check', 'UPDATE sdm.reservation SET requested_bytes = -1'),
    ('reservation_history_reservation_fkey',
     'INSERT INTO sdm.reservation_history (reservation, state, text) VALUES (pg_temp.id(99), ''held'', '''')'),
    ('segment_reservation_fkey', 'UPDATE sdm.segment SET reservation = pg_temp.id(99)'),
    ('scrub_record_brick_no_fkey',
     'INSERT INTO sdm.scrub_record (segment, brick_no, offset_bytes, size_bytes, epoch)
      VALUES (pg_temp.id(1), 99, 0, 4096, 1)'),
    ('circuit_compute_kind_check',
     'UPDATE sdm.circuit SET compute_no = 4, compute_kind = ''memory'', compute_port = 0'),
    ('circuit_bandwidth_mbps_check', 'UPDATE sdm.circuit SET bandwidth_mbps = -1'),
    ('circuit_brick_no_brick_port_fkey', 'UPDATE sdm.circuit SET brick_port = 3'),
    ('circuit_hop_hop_check',
     'INSERT INTO sdm.circuit_hop VALUES (pg_temp.id(1), -1, 6, 0, 3, true, true), (pg_temp.id(1), -1, 6, 3, 0, false, true)'),
    ('circuit_hop_switch_no_port_fkey',
     'INSERT INTO sdm.circuit_hop VALUES (pg_temp.id(1), 0, 6, 12, 13, true, true), (pg_temp.id(1), 0, 6, 13, 12, false, true)'),
    ('segment_circuit_segment_fkey', 'INSERT INTO sdm.segment_circuit VALUES (pg_temp.id(99), pg_temp.id(1))'),
    ('segment_circuit_circuit_fkey', 'DELETE FROM sdm.circuit'),
    ('attachment_compute_kind_check',
     'UPDATE sdm.attachment SET compute_no = 3, compute_kind = ''memory'''),
    ('attachment_reservation_fkey', 'INSERT INTO sdm.attachment (attachment, reservation, compute_no, want)
                                     VALUES (pg_temp.id(9), pg_temp.id(99), 1, ''mapped'')'),
    ('attachment_vm_fkey', 'UPDATE sdm.attachment SET vm = pg_temp.id(99)'),
    ('netport_window_attachment_fkey',
     'SELECT pg_temp.map(1, 1, 1, 1, 1, 0, 8192, 128); DELETE FROM sdm.attachment'),
    ('netport_window_size_bytes_check',
     'ALTER TABLE sdm.netport_window DISABLE TRIGGER netport_window_fits;
      SELECT pg_temp.map(1, 1, 1, 1, 1, 0, 8192, 0)'),
    ('leader_one_check', 'INSERT INTO sdm.leader SELECT false, 9, '''', now(), now()'),
    ('leader_epoch_check', 'UPDATE sdm.leader SET epoch = -1'),
    ('controller_pkey', 'INSERT INTO sdm.controller SELECT ''c'', ''h'', 1, ''v'', true, now(), now() FROM generate_series(1, 2)'),
    ('controller_name_check', 'INSERT INTO sdm.controller VALUES ('''', ''h'', 1, ''v'', true, now(), now())'),
    ('controller_host_check', 'INSERT INTO sdm.controller VALUES (''c'', repeat(''h'', 256), 1, ''v'', true, now(), now())'),
    ('controller_pid_check', 'INSERT INTO sdm.controller VALUES (''c'', ''h'', 0, ''v'', true, now(), now())'),
    ('controller_version_check', 'INSERT INTO sdm.controller VALUES (''c'', ''h'', 1, repeat(''v'', 33), true, now(), now())');

-- The trigger refuses an epoch that shrinks before its bound is looked at.
ALTER TABLE sdm.leader DISABLE TRIGGER leader_epoch_grows;

SELECT plan((SELECT count(*) FROM attack)::integer);
SELECT pg_temp.refused(statement, by_constraint, by_constraint) FROM attack;
SELECT * FROM finish();
ROLLBACK;
