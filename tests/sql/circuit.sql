BEGIN;
\ir fixture.psql
SELECT plan(31);

CREATE FUNCTION pg_temp.hop(circuit integer, hop integer, switch integer, here integer, there integer,
                            is_exclusive boolean DEFAULT true, is_towards boolean DEFAULT true)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO sdm.circuit_hop (circuit, hop, switch_no, port, peer_port, towards, exclusive)
    VALUES (pg_temp.id(circuit), hop, switch, here, there, is_towards, is_exclusive)
$$;

SELECT pg_temp.wire(1, 1, 0, 3, 0);

SELECT pg_temp.refused('SELECT pg_temp.wire(2, 1, 1, 3, 1)', 'circuit_compute_no_brick_no_key', 'two circuits of one pair');
SELECT pg_temp.refused('SELECT pg_temp.wire(2, 1, 0, 4, 0)', 'circuit_compute_no_compute_port_key', 'two on one compute port');
SELECT pg_temp.refused('SELECT pg_temp.wire(2, 2, 0, 3, 0)', 'circuit_brick_no_brick_port_key', 'two on one memory port');
SELECT pg_temp.refused('SELECT pg_temp.wire(2, 3, 1, 4, 0)', 'circuit_compute_no_compute_kind_fkey', 'from a memory brick');
SELECT pg_temp.refused('SELECT pg_temp.wire(2, 1, 1, 2, 0)', 'circuit_brick_no_brick_serves_fkey', 'to a compute brick');
SELECT pg_temp.refused('SELECT pg_temp.wire(2, 1, 1, 6, 1)', 'circuit_brick_no_brick_serves_fkey', 'to a switch');
SELECT pg_temp.refused('SELECT pg_temp.wire(2, 2, 1, 4, 0)', 'circuit_compute_no_compute_port_fkey', 'from a port without link');
SELECT pg_temp.accepted('SELECT pg_temp.wire(2, 2, 0, 3, 1)', 'another pair on other ports');
SELECT pg_temp.accepted('SELECT pg_temp.wire(3, 1, 1, 5, 0)', 'to an accelerator');

-- A port has one peer, in both directions.
SELECT pg_temp.accepted('SELECT pg_temp.hop(1, 0, 6, 0, 3), pg_temp.hop(1, 0, 6, 3, 0, true, false)', 'both directions of a hop');
SELECT pg_temp.refused('SELECT pg_temp.hop(2, 0, 6, 0, 4)', 'circuit_hop_one_peer', 'a port to a second peer');
SELECT pg_temp.refused('SELECT pg_temp.hop(2, 0, 6, 3, 2)', 'circuit_hop_one_peer', 'a second peer from the other side');
SELECT pg_temp.accepted('SELECT pg_temp.hop(2, 0, 6, 0, 3), pg_temp.hop(2, 0, 6, 3, 0, true, false)', 'one pair shared by two circuits');
SELECT pg_temp.accepted('SELECT pg_temp.hop(2, 1, 8, 0, 2), pg_temp.hop(2, 1, 8, 2, 0, true, false)', 'an optical hop');
SELECT pg_temp.refused('SELECT pg_temp.hop(3, 0, 8, 0, 1)', 'circuit_hop_one_peer', 'an optical port to a second peer');
SELECT pg_temp.refused('SELECT pg_temp.hop(3, 0, 8, 1, 2), pg_temp.hop(3, 0, 8, 2, 1, true, false)',
                       'circuit_hop_one_peer', 'an optical peer taken');
SELECT pg_temp.refused('SELECT pg_temp.hop(3, 0, 8, 1, 2)', 'circuit_hop_both_ways', 'one direction alone');
SELECT pg_temp.refused('SELECT pg_temp.hop(3, 0, 8, 1, 2), pg_temp.hop(3, 0, 6, 1, 7, true, false)',
                       'circuit_hop_both_ways', 'directions that do not belong together');
SELECT pg_temp.refused('DELETE FROM sdm.circuit_hop WHERE circuit = pg_temp.id(1) AND towards',
                       'circuit_hop_both_ways', 'one direction taken away');
SELECT pg_temp.refused('SELECT pg_temp.hop(3, 0, 8, 1, 1)', 'circuit_hop_check', 'a port to itself');
SELECT pg_temp.refused('SELECT pg_temp.hop(3, 0, 6, 1, 12)', 'circuit_hop_switch_no_peer_port_fkey', 'to a port without link');
SELECT pg_temp.refused('SELECT pg_temp.hop(3, 0, 1, 0, 1)', 'circuit_hop_on_switch', 'a hop inside a brick');
SELECT pg_temp.refused('SELECT pg_temp.hop(1, 0, 6, 0, 3)', 'circuit_hop_pkey', 'one hop twice');

-- Which ports may be shared is not the writer's choice.
SELECT pg_temp.accepted('SELECT pg_temp.hop(3, 0, 6, 5, 1, false), pg_temp.hop(3, 0, 6, 1, 5, true, false),
                                pg_temp.hop(3, 1, 6, 5, 7, false), pg_temp.hop(3, 1, 6, 7, 5, true, false)',
                        'an electrical port to another switch has many peers');
SELECT pg_temp.refused('SELECT pg_temp.hop(3, 2, 6, 1, 5, false)', 'circuit_hop_exclusive', 'an electrical port to a brick shared');
SELECT pg_temp.refused('SELECT pg_temp.hop(3, 2, 8, 1, 0, false)', 'circuit_hop_exclusive', 'an optical port shared');
SELECT pg_temp.refused('UPDATE sdm.circuit_hop SET exclusive = false WHERE switch_no = 8',
                       'circuit_hop_exclusive', 'made shared afterwards');

-- Bandwidth.
SELECT pg_temp.accepted('UPDATE sdm.circuit SET bandwidth_mbps = 10000 WHERE circuit = pg_temp.id(1)', 'all of the narrowest link');
SELECT pg_temp.refused('UPDATE sdm.circuit SET bandwidth_mbps = 10001 WHERE circuit = pg_temp.id(1)',
                       'circuit_check', 'more than the narrowest link');

-- Cutting.
SELECT pg_temp.accepted('DELETE FROM sdm.circuit WHERE circuit = pg_temp.id(2)', 'a circuit goes with its hops');
SELECT pg_temp.accepted('SELECT pg_temp.hop(3, 3, 8, 0, 1), pg_temp.hop(3, 3, 8, 1, 0, true, false)', 'its ports are free again');

SELECT * FROM finish();
ROLLBACK;
