-- Revert sdm:reservation from pg

BEGIN;

DROP TABLE sdm.netport_window;
DROP FUNCTION sdm.netport_window_fits();
DROP TABLE sdm.attachment;
DROP FUNCTION sdm.attachment_shares();
DROP TABLE sdm.segment_circuit;
DROP TABLE sdm.circuit_hop;
DROP FUNCTION sdm.circuit_hop_fits();
DROP FUNCTION sdm.circuit_hop_both_ways();
DROP TABLE sdm.circuit;
DROP TABLE sdm.segment;
DROP FUNCTION sdm.segment_may_change();
DROP FUNCTION sdm.segment_was_scrubbed();
DROP TABLE sdm.scrub_record;
DROP TABLE sdm.reservation_history;
DROP TABLE sdm.reservation;
DROP TABLE sdm.project;

COMMIT;
