BEGIN;
\ir fixture.psql
SELECT plan(28);

CREATE FUNCTION pg_temp.device(columns text, numbers text) RETURNS text LANGUAGE sql AS
$$ SELECT format('INSERT INTO sdm.device (id, n_ports, %s) VALUES (gen_random_uuid(), 4, %s)', columns, numbers) $$;

-- What each kind has and what it must not have.
SELECT pg_temp.refused(pg_temp.device('kind, tray_no', '''memory'', 1'),
                       'device_check1', 'a memory brick without capacity');
SELECT pg_temp.refused(pg_temp.device('kind, tray_no, capacity_bytes', '''memory'', 1, 4096'),
                       'device_check2', 'a memory brick without module');
SELECT pg_temp.refused(pg_temp.device('kind, tray_no, capacity_bytes', '''compute'', 1, 4096'),
                       'device_check1', 'a compute brick with capacity');
SELECT pg_temp.refused(pg_temp.device('kind, tray_no, capacity_bytes, module', '''memory'', 1, 4096, 1'),
                       'device_module_key', 'two memory bricks of one module');
SELECT pg_temp.refused(pg_temp.device('kind, tray_no, capacity_bytes, module', '''memory'', 1, 4096, 16777216'),
                       'device_module_check', 'a module of more than 24 bits');
SELECT pg_temp.refused(pg_temp.device('kind, tray_no, accelerator_kind', '''compute'', 1, ''fpga'''),
                       'device_check3', 'a compute brick that is an accelerator');
SELECT pg_temp.refused(pg_temp.device('kind', '''compute'''), 'device_check4', 'a brick without tray');
SELECT pg_temp.accepted(pg_temp.device('kind', '''optical'''), 'a switch between racks');
SELECT pg_temp.refused(pg_temp.device('kind, tray_no, rack_no', '''compute'', 1, 2'),
                       'device_tray_no_rack_no_fkey', 'a brick whose tray is in another rack');
SELECT pg_temp.refused('INSERT INTO sdm.device (id, kind, tray_no, n_ports) VALUES (''c1'', ''compute'', 1, 1)',
                       'device_id_key', 'two devices of one id');
SELECT pg_temp.refused('UPDATE sdm.device SET n_ports = 4097 WHERE id = ''c2''',
                       'device_n_ports_check', 'a device of too many ports');

-- Links.
INSERT INTO sdm.link (link_no, bandwidth_mbps) OVERRIDING SYSTEM VALUE VALUES (50, 1);
SELECT pg_temp.refused('INSERT INTO sdm.port VALUES (1, 0, 50, ''a'')', 'port_pkey', 'a port linked twice');
SELECT pg_temp.refused('INSERT INTO sdm.port VALUES (1, 4, 50, ''a'')',
                       'port_within_device', 'a port beyond the last');
SELECT pg_temp.refused('INSERT INTO sdm.port VALUES (1, -1, 50, ''a'')',
                       'port_port_check', 'a negative port');
SELECT pg_temp.refused('INSERT INTO sdm.port VALUES (99, 0, 50, ''a'')',
                       'port_device_no_fkey', 'a link to nowhere');
SELECT pg_temp.refused('INSERT INTO sdm.port VALUES (1, 3, 1, ''a'')',
                       'port_link_no_side_key', 'a link with three ends');
SELECT pg_temp.refused('INSERT INTO sdm.port VALUES (1, 3, 1, ''c'')',
                       'port_side_check', 'a side that is none');
SELECT pg_temp.accepted('INSERT INTO sdm.port VALUES (1, 3, 50, ''a'')', 'the last port of a brick');
SELECT pg_temp.refused('UPDATE sdm.device SET n_ports = 3 WHERE id = ''c1''',
                       'port_within_device', 'a device that loses a linked port');
SELECT pg_temp.accepted('UPDATE sdm.device SET n_ports = 2 WHERE id = ''c2''',
                        'a device that loses a port without link');
SELECT pg_temp.refused('INSERT INTO sdm.link (bandwidth_mbps) VALUES (0)',
                       'link_bandwidth_mbps_check', 'a link without bandwidth');

-- Generations.
SELECT pg_temp.accepted('UPDATE sdm.device SET want_generation = 5, have_generation = 5 WHERE id = ''c1''',
                        'have reaches want');
SELECT pg_temp.refused('UPDATE sdm.device SET have_generation = 6 WHERE id = ''c1''',
                       'device_check', 'have ahead of want');
SELECT pg_temp.refused('UPDATE sdm.device SET want_generation = 4, have_generation = 4 WHERE id = ''c1''',
                       'device_generation_grows', 'a wanted generation that goes back');

-- Rows that are one.
SELECT pg_temp.refused('INSERT INTO sdm.pod VALUES (true, 4096)', 'pod_pkey', 'two pods');
SELECT pg_temp.refused('INSERT INTO sdm.pod VALUES (false, 4096)', 'pod_one_check', 'another pod');
SELECT pg_temp.refused('INSERT INTO sdm.schema_version VALUES (true, 2)',
                       'schema_version_pkey', 'two schema versions');
SELECT pg_temp.refused('INSERT INTO sdm.vm VALUES (pg_temp.id(1), 3, ''compute'', ''v'', NULL, ''b'', 0, 0, 0, 0, 0)',
                       'vm_compute_no_compute_kind_fkey', 'a machine on a memory brick');

SELECT * FROM finish();
ROLLBACK;
