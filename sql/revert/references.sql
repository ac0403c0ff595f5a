-- Revert sdm:references from pg

BEGIN;

DROP TRIGGER circuit_keeps_its_name ON sdm.circuit;
DROP TRIGGER circuit_is_gone ON sdm.circuit;
DROP TRIGGER segment_is_gone ON sdm.segment;
DROP TRIGGER segment_circuit_stays ON sdm.segment_circuit;
DROP TRIGGER segment_circuit_refers ON sdm.segment_circuit;
DROP TRIGGER device_stays_what_it_is ON sdm.device;
DROP TRIGGER device_is_referred_to ON sdm.device;
DROP TRIGGER brick_changes ON sdm.device;
DROP TRIGGER segment_follows_brick ON sdm.segment;
DROP TRIGGER segment_refers_to_brick ON sdm.segment;
DROP TRIGGER segment_changes_owner ON sdm.segment;
DROP TRIGGER segment_refers_to_reservation ON sdm.segment;
DROP TRIGGER reservation_history_refers ON sdm.reservation_history;
DROP TRIGGER reservation_keeps_its_owner ON sdm.reservation;
DROP TRIGGER reservation_stays ON sdm.reservation;
DROP TRIGGER project_keeps_its_name ON sdm.project;
DROP TRIGGER project_stays ON sdm.project;
DROP TRIGGER reservation_refers ON sdm.reservation;
DROP FUNCTION sdm.circuit_is_gone();
DROP FUNCTION sdm.segment_is_gone();
DROP FUNCTION sdm.segment_circuit_refers();
DROP FUNCTION sdm.device_is_referred_to();
DROP FUNCTION sdm.brick_changes();
DROP FUNCTION sdm.segment_follows_brick();
DROP FUNCTION sdm.segment_refers_to_brick();
DROP FUNCTION sdm.segment_changes_owner();
DROP FUNCTION sdm.refers_to_reservation();
DROP FUNCTION sdm.reservation_refers();
DROP FUNCTION sdm.row_stays();
DROP FUNCTION sdm.refuse_reference(text, text);

ALTER TABLE sdm.reservation
    ADD CONSTRAINT reservation_project_fkey FOREIGN KEY (project) REFERENCES sdm.project,
    ADD CONSTRAINT reservation_compute_no_compute_kind_fkey
        FOREIGN KEY (compute_no, compute_kind) REFERENCES sdm.device (device_no, kind);
ALTER TABLE sdm.reservation_history
    ADD CONSTRAINT reservation_history_reservation_fkey
        FOREIGN KEY (reservation) REFERENCES sdm.reservation ON DELETE CASCADE;
ALTER TABLE sdm.segment
    ADD CONSTRAINT segment_reservation_fkey FOREIGN KEY (reservation) REFERENCES sdm.reservation,
    ADD CONSTRAINT segment_of_brick FOREIGN KEY (brick_no, capacity_bytes, brick_usable)
        REFERENCES sdm.device (device_no, capacity_bytes, usable) ON UPDATE CASCADE;
ALTER TABLE sdm.segment_circuit
    ADD CONSTRAINT segment_circuit_segment_fkey
        FOREIGN KEY (segment) REFERENCES sdm.segment ON DELETE CASCADE,
    ADD CONSTRAINT segment_circuit_circuit_fkey FOREIGN KEY (circuit) REFERENCES sdm.circuit;
ALTER TABLE sdm.stored_reply
    ADD CONSTRAINT stored_reply_reservation_fkey
        FOREIGN KEY (reservation) REFERENCES sdm.reservation;

UPDATE sdm.schema_version SET version = 10;

COMMIT;
