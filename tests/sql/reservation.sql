BEGIN;
\ir fixture.psql
SELECT plan(27);

SELECT pg_temp.reserve(1), pg_temp.reserve(2, 'device', 'g');

-- Groups.
SELECT pg_temp.refused('SELECT pg_temp.reserve(3, ''device'', ''g'')', 'reservation_group', 'one group twice');
SELECT pg_temp.refused('SELECT pg_temp.reserve(3, ''vm'', ''h'')', 'reservation_check', 'a group in mode vm');
SELECT pg_temp.accepted('UPDATE sdm.reservation SET state = ''releasing'' WHERE reservation = pg_temp.id(2)', 'the group is given up');
SELECT pg_temp.accepted('SELECT pg_temp.reserve(3, ''device'', ''g'')', 'its name is free again');

-- Accelerators.
SELECT pg_temp.reserve(4), pg_temp.reserve(5);
SELECT pg_temp.accepted('UPDATE sdm.reservation SET accelerator_no = 5 WHERE reservation = pg_temp.id(4)', 'an accelerator');
SELECT pg_temp.refused('UPDATE sdm.reservation SET accelerator_no = 5 WHERE reservation = pg_temp.id(5)',
                       'reservation_accelerator', 'held twice');
SELECT pg_temp.refused('UPDATE sdm.reservation SET accelerator_no = 3 WHERE reservation = pg_temp.id(5)',
                       'reservation_accelerator_no_accelerator_kind_fkey', 'a memory brick as accelerator');
UPDATE sdm.reservation SET state = 'releasing' WHERE reservation = pg_temp.id(4);
SELECT pg_temp.refused('UPDATE sdm.reservation SET accelerator_no = 5 WHERE reservation = pg_temp.id(5)',
                       'reservation_accelerator', 'held twice while it is given up');
UPDATE sdm.reservation SET state = 'released' WHERE reservation = pg_temp.id(4);
SELECT pg_temp.accepted('UPDATE sdm.reservation SET accelerator_no = 5 WHERE reservation = pg_temp.id(5)', 'free again');

-- States.
UPDATE sdm.reservation SET size_bytes = 4096 WHERE reservation = pg_temp.id(1);
SELECT pg_temp.refused('UPDATE sdm.reservation SET state = ''released'' WHERE reservation = pg_temp.id(1)',
                       'reservation_check1', 'released with bytes');
SELECT pg_temp.refused('UPDATE sdm.reservation SET state = ''failed'' WHERE reservation = pg_temp.id(1)',
                       'reservation_check1', 'failed with bytes');
SELECT pg_temp.refused('UPDATE sdm.reservation SET size_bytes = -1 WHERE reservation = pg_temp.id(1)',
                       'reservation_size_bytes_check', 'a negative size');
SELECT pg_temp.refused('UPDATE sdm.reservation SET compute_no = 3 WHERE reservation = pg_temp.id(1)',
                       'reservation_stays', 'for another brick');
SELECT pg_temp.refused('UPDATE sdm.reservation SET project = ''q'' WHERE reservation = pg_temp.id(1)',
                       'reservation_stays', 'of another project');

-- Quotas.
UPDATE sdm.project SET max_bytes = 8192, max_reservations = 1, used_bytes = 8192, n_reservations = 1;
SELECT pg_temp.refused('UPDATE sdm.project SET used_bytes = used_bytes + 1', 'project_check', 'a byte too many');
SELECT pg_temp.refused('UPDATE sdm.project SET n_reservations = 2', 'project_check1', 'a reservation too many');
SELECT pg_temp.refused('UPDATE sdm.project SET used_bytes = -1', 'project_used_bytes_check', 'fewer than none');
SELECT pg_temp.refused('UPDATE sdm.project SET n_reservations = -1', 'project_n_reservations_check', 'fewer reservations than none');
SELECT is(pg_temp.touched('UPDATE sdm.project SET used_bytes = used_bytes + 4096
                            WHERE project = ''p'' AND (max_bytes IS NULL OR used_bytes + 4096 <= max_bytes)'),
          0, 'a conditional update refuses without an error');
UPDATE sdm.project SET max_bytes = NULL;
SELECT pg_temp.accepted('UPDATE sdm.project SET used_bytes = 9223372036854775807', 'no limit');

-- Stored replies.
CREATE FUNCTION pg_temp.store(key text, columns text, numbers text) RETURNS text LANGUAGE sql AS $$
    SELECT format('INSERT INTO sdm.stored_reply (project, key, fingerprint, type, wait %s)
                   VALUES (''p'', %L, ''f'', ''s10.reserve/1'', ''guest'' %s)', columns, key, numbers)
$$;
SELECT pg_temp.refused(pg_temp.store('k', '', ''), 'stored_reply_check1', 'pending without a deadline');
SELECT pg_temp.refused(pg_temp.store('k', ', reply', ', ''{}'''), 'stored_reply_check', 'a reply without type');
SELECT pg_temp.refused(pg_temp.store('k', ', deadline, reply_type', ', now(), ''t'''), 'stored_reply_check', 'a type without reply');
SELECT pg_temp.accepted(pg_temp.store('k', ', deadline', ', now()'), 'pending');
SELECT pg_temp.refused(pg_temp.store('k', ', deadline', ', now()'), 'stored_reply_pkey', 'one key twice');
SELECT pg_temp.refused('UPDATE sdm.stored_reply SET further_askers = ''{}''', 'stored_reply_further_askers_check', 'askers that are no list');
SELECT pg_temp.accepted('UPDATE sdm.stored_reply SET reply = ''{}'', reply_type = ''t'', deadline = NULL', 'answered');

SELECT * FROM finish();
ROLLBACK;
