-- Verify sdm:reservation on pg

BEGIN;

-- Without these nothing that is promised holds.
SELECT 1 / (count(*) = 3)::integer FROM pg_constraint
 WHERE contype = 'x'
   AND conname IN ('segment_one_owner', 'netport_window_one_use', 'circuit_hop_one_peer');
SELECT 1 / (count(*) = 4)::integer FROM pg_trigger
 WHERE tgname IN ('segment_was_scrubbed', 'segment_may_change', 'netport_window_fits', 'circuit_hop_fits')
   AND tgenabled <> 'D';
SELECT project, used_bytes, n_reservations FROM sdm.project WHERE false;
SELECT reservation, seq, state, lease_end FROM sdm.reservation WHERE false;
SELECT segment, circuit FROM sdm.segment_circuit WHERE false;
SELECT attachment, want, have, shared FROM sdm.attachment WHERE false;

ROLLBACK;
