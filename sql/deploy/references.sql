-- Deploy sdm:references
-- requires: commitmarks

BEGIN;

UPDATE sdm.schema_version SET version = 11;

-- A foreign key looks at each row by a query of its own: for a batch of reservations that was half of
-- what the database did.  The references of the rows that a reservation inserts are checked here
-- instead, once a statement over all its rows, with the locks, names and SQLSTATE that the keys had.
-- Whatever statistics say of a table that grows: its rows are found by index.
--
-- Reservations and projects stay once they are there, so that who refers to one need not lock it.
ALTER TABLE sdm.reservation
    DROP CONSTRAINT reservation_project_fkey,
    DROP CONSTRAINT reservation_compute_no_compute_kind_fkey;
ALTER TABLE sdm.reservation_history DROP CONSTRAINT reservation_history_reservation_fkey;
ALTER TABLE sdm.segment
    DROP CONSTRAINT segment_reservation_fkey,
    DROP CONSTRAINT segment_of_brick;
ALTER TABLE sdm.segment_circuit
    DROP CONSTRAINT segment_circuit_segment_fkey,
    DROP CONSTRAINT segment_circuit_circuit_fkey;
-- Replies are of the past, like scrub records and the audit log: they name what was.
ALTER TABLE sdm.stored_reply DROP CONSTRAINT stored_reply_reservation_fkey;

CREATE FUNCTION sdm.refuse_reference(name text, what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% violates reference %', what, name
        USING ERRCODE = 'foreign_key_violation', CONSTRAINT = name;
END $$;

-- --- To a project and a compute brick.

CREATE FUNCTION sdm.reservation_refers() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    wrong uuid;
BEGIN
    PERFORM FROM sdm.device d WHERE d.device_no = ANY (ARRAY(SELECT n.compute_no FROM added n))
      ORDER BY d.device_no FOR KEY SHARE;
    SELECT n.reservation INTO wrong FROM added n
     WHERE NOT EXISTS (SELECT FROM sdm.device d
                       WHERE (d.device_no, d.kind) = (n.compute_no, n.compute_kind));
    IF FOUND THEN
        PERFORM sdm.refuse_reference('reservation_compute_no_compute_kind_fkey',
                                     'reservation ' || wrong);
    END IF;
    SELECT n.reservation INTO wrong FROM added n
     WHERE NOT EXISTS (SELECT FROM sdm.project p WHERE p.project = n.project);
    IF FOUND THEN
        PERFORM sdm.refuse_reference('reservation_project_fkey', 'reservation ' || wrong);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER reservation_refers AFTER INSERT ON sdm.reservation
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION sdm.reservation_refers();

-- TG_ARGV[0] names the rule.
CREATE FUNCTION sdm.row_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of % stays as it is', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_ARGV[0];
END $$;
CREATE TRIGGER project_stays BEFORE DELETE ON sdm.project
    FOR EACH ROW EXECUTE FUNCTION sdm.row_stays('project_stays');
CREATE TRIGGER project_keeps_its_name AFTER UPDATE ON sdm.project FOR EACH ROW
    WHEN (NEW.project <> OLD.project) EXECUTE FUNCTION sdm.row_stays('project_stays');
CREATE TRIGGER reservation_stays BEFORE DELETE ON sdm.reservation
    FOR EACH ROW EXECUTE FUNCTION sdm.row_stays('reservation_stays');
CREATE TRIGGER reservation_keeps_its_owner AFTER UPDATE ON sdm.reservation FOR EACH ROW
    WHEN ((NEW.reservation, NEW.project, NEW.compute_no, NEW.compute_kind)
          IS DISTINCT FROM (OLD.reservation, OLD.project, OLD.compute_no, OLD.compute_kind))
    EXECUTE FUNCTION sdm.row_stays('reservation_stays');

-- --- To a reservation: the table's rule is TG_ARGV[0].

CREATE FUNCTION sdm.refers_to_reservation() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    wrong uuid;
BEGIN
    SELECT n.reservation INTO wrong FROM added n
     WHERE n.reservation IS NOT NULL
       AND NOT EXISTS (SELECT FROM sdm.reservation r WHERE r.reservation = n.reservation);
    IF FOUND THEN
        PERFORM sdm.refuse_reference(TG_ARGV[0], 'reservation ' || wrong);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER reservation_history_refers AFTER INSERT ON sdm.reservation_history
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT
    EXECUTE FUNCTION sdm.refers_to_reservation('reservation_history_reservation_fkey');
CREATE TRIGGER segment_refers_to_reservation AFTER INSERT ON sdm.segment
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION sdm.refers_to_reservation('segment_reservation_fkey');

CREATE FUNCTION sdm.segment_changes_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM sdm.reservation r WHERE r.reservation = NEW.reservation) THEN
        PERFORM sdm.refuse_reference('segment_reservation_fkey', 'segment ' || NEW.segment);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER segment_changes_owner AFTER UPDATE ON sdm.segment FOR EACH ROW
    WHEN (NEW.reservation <> OLD.reservation OR (NEW.reservation IS NOT NULL AND OLD.reservation IS NULL))
    EXECUTE FUNCTION sdm.segment_changes_owner();

-- --- To the brick whose bytes a segment names: capacity and usability are the brick's.

CREATE FUNCTION sdm.segment_refers_to_brick() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    wrong uuid;
BEGIN
    PERFORM FROM sdm.device d WHERE d.device_no = ANY (ARRAY(SELECT n.brick_no FROM added n))
      ORDER BY d.device_no FOR KEY SHARE;
    SELECT n.segment INTO wrong FROM added n
     WHERE NOT EXISTS (SELECT FROM sdm.device d
                       WHERE (d.device_no, d.capacity_bytes, d.usable)
                           = (n.brick_no, n.capacity_bytes, n.brick_usable));
    IF FOUND THEN
        PERFORM sdm.refuse_reference('segment_of_brick', 'segment ' || wrong);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER segment_refers_to_brick AFTER INSERT ON sdm.segment
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION sdm.segment_refers_to_brick();

CREATE FUNCTION sdm.segment_follows_brick() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM sdm.device d
                   WHERE (d.device_no, d.capacity_bytes, d.usable)
                       = (NEW.brick_no, NEW.capacity_bytes, NEW.brick_usable)) THEN
        PERFORM sdm.refuse_reference('segment_of_brick', 'segment ' || NEW.segment);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER segment_follows_brick AFTER UPDATE ON sdm.segment FOR EACH ROW
    WHEN (NEW.capacity_bytes <> OLD.capacity_bytes OR NEW.brick_usable <> OLD.brick_usable)
    EXECUTE FUNCTION sdm.segment_follows_brick();

-- Its segments follow, if their own rules let them.  Capacity and usability are columns of a unique
-- key: the update waits for who holds the brick for a segment that it inserts.
CREATE FUNCTION sdm.brick_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sdm.segment SET capacity_bytes = NEW.capacity_bytes, brick_usable = NEW.usable
     WHERE brick_no = NEW.device_no;
    RETURN NULL;
END $$;
CREATE TRIGGER brick_changes AFTER UPDATE ON sdm.device FOR EACH ROW
    WHEN (NEW.capacity_bytes <> OLD.capacity_bytes OR NEW.usable <> OLD.usable)
    EXECUTE FUNCTION sdm.brick_changes();

-- A device that is referred to is neither deleted nor made something else.
CREATE FUNCTION sdm.device_is_referred_to() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM sdm.segment s WHERE s.brick_no = OLD.device_no) THEN
        PERFORM sdm.refuse_reference('segment_of_brick', 'device ' || OLD.device_no);
    END IF;
    IF EXISTS (SELECT FROM sdm.reservation r WHERE r.compute_no = OLD.device_no) THEN
        PERFORM sdm.refuse_reference('reservation_compute_no_compute_kind_fkey',
                                     'device ' || OLD.device_no);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER device_is_referred_to AFTER DELETE ON sdm.device
    FOR EACH ROW EXECUTE FUNCTION sdm.device_is_referred_to();
CREATE TRIGGER device_stays_what_it_is AFTER UPDATE ON sdm.device FOR EACH ROW
    WHEN ((NEW.device_no, NEW.kind) IS DISTINCT FROM (OLD.device_no, OLD.kind))
    EXECUTE FUNCTION sdm.device_is_referred_to();

-- --- From a segment to its circuits.

CREATE FUNCTION sdm.segment_circuit_refers() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    wrong uuid;
BEGIN
    PERFORM FROM sdm.circuit c WHERE c.circuit = ANY (ARRAY(SELECT n.circuit FROM added n))
      ORDER BY c.circuit FOR KEY SHARE;
    SELECT n.segment INTO wrong FROM added n
     WHERE NOT EXISTS (SELECT FROM sdm.circuit c WHERE c.circuit = n.circuit);
    IF FOUND THEN
        PERFORM sdm.refuse_reference('segment_circuit_circuit_fkey', 'segment ' || wrong);
    END IF;
    PERFORM FROM sdm.segment s WHERE s.segment = ANY (ARRAY(SELECT n.segment FROM added n))
      ORDER BY s.segment FOR KEY SHARE;
    SELECT n.segment INTO wrong FROM added n
     WHERE NOT EXISTS (SELECT FROM sdm.segment s WHERE s.segment = n.segment);
    IF FOUND THEN
        PERFORM sdm.refuse_reference('segment_circuit_segment_fkey', 'segment ' || wrong);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER segment_circuit_refers AFTER INSERT ON sdm.segment_circuit
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION sdm.segment_circuit_refers();
CREATE TRIGGER segment_circuit_stays AFTER UPDATE ON sdm.segment_circuit
    FOR EACH ROW EXECUTE FUNCTION sdm.row_stays('segment_circuit_stays');

CREATE FUNCTION sdm.segment_is_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sdm.segment_circuit WHERE segment = OLD.segment;
    RETURN NULL;
END $$;
CREATE TRIGGER segment_is_gone AFTER DELETE ON sdm.segment
    FOR EACH ROW EXECUTE FUNCTION sdm.segment_is_gone();

CREATE FUNCTION sdm.circuit_is_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM sdm.segment_circuit s WHERE s.circuit = OLD.circuit) THEN
        PERFORM sdm.refuse_reference('segment_circuit_circuit_fkey', 'circuit ' || OLD.circuit);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER circuit_is_gone AFTER DELETE ON sdm.circuit
    FOR EACH ROW EXECUTE FUNCTION sdm.circuit_is_gone();
CREATE TRIGGER circuit_keeps_its_name AFTER UPDATE ON sdm.circuit FOR EACH ROW
    WHEN (NEW.circuit <> OLD.circuit) EXECUTE FUNCTION sdm.row_stays('circuit_stays');

COMMIT;
