-- Deploy sdm:reservation
-- requires: topology

BEGIN;

-- Quotas are null where nothing is limited.
CREATE TABLE sdm.project (
    project          text PRIMARY KEY,
    max_bytes        bigint CHECK (max_bytes >= 0),
    max_reservations integer CHECK (max_reservations >= 0),
    used_bytes       bigint NOT NULL DEFAULT 0 CHECK (used_bytes >= 0),
    n_reservations   integer NOT NULL DEFAULT 0 CHECK (n_reservations >= 0),
    CHECK (used_bytes <= max_bytes),
    CHECK (n_reservations <= max_reservations)
);

CREATE TABLE sdm.reservation (
    reservation     uuid PRIMARY KEY,
    seq             bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    project         text NOT NULL REFERENCES sdm.project,
    state           sdm.reservation_state NOT NULL DEFAULT 'held',
    mode            sdm.mode NOT NULL,
    compute_no      integer NOT NULL,
    compute_kind    sdm.device_kind NOT NULL DEFAULT 'compute' CHECK (compute_kind = 'compute'),
    latency_class   sdm.latency_class NOT NULL,
    policy          sdm.policy NOT NULL,
    bandwidth_mbps  integer NOT NULL DEFAULT 0,
    size_bytes      bigint NOT NULL CHECK (size_bytes >= 0),
    requested_bytes bigint NOT NULL CHECK (requested_bytes >= 0),
    lease_end       timestamptz NOT NULL,
    group_id        text,
    accelerator_no  integer,
    accelerator_kind sdm.device_kind GENERATED ALWAYS AS ('accelerator') STORED,
    created         timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (compute_no, compute_kind) REFERENCES sdm.device (device_no, kind),
    FOREIGN KEY (accelerator_no, accelerator_kind) REFERENCES sdm.device (device_no, kind),
    CHECK (group_id IS NULL OR mode = 'device'),
    -- Given up means: nothing is held any more.
    CHECK (state NOT IN ('released', 'failed') OR size_bytes = 0)
);
CREATE UNIQUE INDEX reservation_group ON sdm.reservation (project, group_id)
    WHERE group_id IS NOT NULL AND state NOT IN ('releasing', 'released', 'failed');
CREATE UNIQUE INDEX reservation_accelerator ON sdm.reservation (accelerator_no)
    WHERE accelerator_no IS NOT NULL AND state NOT IN ('released', 'failed');
CREATE INDEX reservation_project ON sdm.reservation (project, seq);
CREATE INDEX reservation_lease ON sdm.reservation (lease_end) WHERE state = 'held';
CREATE INDEX reservation_moving ON sdm.reservation (seq)
    WHERE state IN ('attaching', 'detaching', 'releasing');

CREATE TABLE sdm.reservation_history (
    reservation uuid NOT NULL REFERENCES sdm.reservation ON DELETE CASCADE,
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    state       sdm.reservation_state NOT NULL,
    text        text NOT NULL,
    PRIMARY KEY (reservation, seq)
);

-- An extent that is not free.  The exclusion constraint makes a second owner of one byte impossible,
-- whoever asks.  Capacity and usability are copied by the foreign key, so that CHECKs can hold them:
-- a brick can neither shrink below a segment nor be retired or switched off under one.  A brick that
-- is woken for a segment is set to want_power 'on' before the segment is inserted.
CREATE TABLE sdm.segment (
    segment        uuid PRIMARY KEY,
    seq            bigint GENERATED ALWAYS AS IDENTITY,
    reservation    uuid REFERENCES sdm.reservation,
    brick_no       integer NOT NULL,
    capacity_bytes bigint NOT NULL,
    brick_usable   boolean NOT NULL DEFAULT true,
    offset_bytes   bigint NOT NULL CHECK (offset_bytes >= 0),
    size_bytes     bigint NOT NULL CHECK (size_bytes > 0),
    latency_class  sdm.latency_class NOT NULL,
    state          sdm.segment_state NOT NULL DEFAULT 'live',
    -- Given up: goes to scrubbing once nothing maps it and its circuit is cut.
    want_free      boolean NOT NULL DEFAULT false,
    CONSTRAINT segment_of_brick FOREIGN KEY (brick_no, capacity_bytes, brick_usable)
        REFERENCES sdm.device (device_no, capacity_bytes, usable) ON UPDATE CASCADE,
    CONSTRAINT segment_within_brick CHECK (offset_bytes + size_bytes <= capacity_bytes),
    CONSTRAINT segment_on_usable_brick CHECK (brick_usable OR state = 'quarantined'),
    CONSTRAINT segment_live_is_reserved CHECK (state <> 'live' OR reservation IS NOT NULL),
    CONSTRAINT segment_whole_pages CHECK (offset_bytes % 4096 = 0 AND size_bytes % 4096 = 0),
    CONSTRAINT segment_one_owner EXCLUDE USING gist
        (brick_no WITH =, int8range(offset_bytes, offset_bytes + size_bytes) WITH &&)
);
CREATE INDEX segment_reservation ON sdm.segment (reservation, seq);
CREATE INDEX segment_not_live ON sdm.segment (seq) WHERE state <> 'live';

-- Which bytes a segment names never changes, so what others checked about them stays true.
CREATE FUNCTION sdm.segment_may_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'segment % cannot become other bytes', OLD.segment
        USING ERRCODE = 'check_violation', CONSTRAINT = 'segment_keeps_its_bytes';
END $$;
CREATE TRIGGER segment_may_change BEFORE UPDATE ON sdm.segment FOR EACH ROW
    WHEN ((NEW.segment, NEW.brick_no, NEW.offset_bytes, NEW.size_bytes)
          IS DISTINCT FROM (OLD.segment, OLD.brick_no, OLD.offset_bytes, OLD.size_bytes))
    EXECUTE FUNCTION sdm.segment_may_change();

-- What was zeroed before it became free: the record that no byte changes hands unscrubbed.
CREATE TABLE sdm.scrub_record (
    scrub_no     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    segment      uuid NOT NULL,
    reservation  uuid,
    brick_no     integer NOT NULL REFERENCES sdm.device,
    offset_bytes bigint NOT NULL,
    size_bytes   bigint NOT NULL,
    epoch        bigint NOT NULL,
    at           timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX scrub_record_segment ON sdm.scrub_record (segment);

-- Bytes become free by deleting their row, which only a scrubbed one can: in state 'scrubbing', with
-- its record written by the end of the transaction.
CREATE FUNCTION sdm.segment_was_scrubbed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'scrubbing' OR NOT EXISTS (
        SELECT FROM sdm.scrub_record r
        WHERE (r.segment, r.brick_no, r.offset_bytes, r.size_bytes)
            = (OLD.segment, OLD.brick_no, OLD.offset_bytes, OLD.size_bytes))
    THEN
        RAISE EXCEPTION 'segment % is %, and was not scrubbed', OLD.segment, OLD.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'segment_was_scrubbed';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER segment_was_scrubbed AFTER DELETE ON sdm.segment
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sdm.segment_was_scrubbed();

-- A circuit joins one compute brick and one other brick and carries every segment between them.
CREATE TABLE sdm.circuit (
    circuit        uuid PRIMARY KEY,
    compute_no     integer NOT NULL,
    compute_kind   sdm.device_kind NOT NULL DEFAULT 'compute' CHECK (compute_kind = 'compute'),
    compute_port   integer NOT NULL,
    brick_no       integer NOT NULL,
    brick_serves   boolean NOT NULL GENERATED ALWAYS AS (true) STORED,
    brick_port     integer NOT NULL,
    -- Claimed by the reservations that use it; of its narrowest link.
    bandwidth_mbps integer NOT NULL CHECK (bandwidth_mbps >= 0),
    narrowest_mbps integer NOT NULL CHECK (narrowest_mbps >= bandwidth_mbps),
    want_up        boolean NOT NULL DEFAULT false,
    have_up        boolean NOT NULL DEFAULT false,
    UNIQUE (compute_no, brick_no),
    UNIQUE (compute_no, compute_port),
    UNIQUE (brick_no, brick_port),
    FOREIGN KEY (compute_no, compute_kind) REFERENCES sdm.device (device_no, kind),
    FOREIGN KEY (brick_no, brick_serves) REFERENCES sdm.device (device_no, serves),
    FOREIGN KEY (compute_no, compute_port) REFERENCES sdm.port (device_no, port),
    FOREIGN KEY (brick_no, brick_port) REFERENCES sdm.port (device_no, port)
);
CREATE INDEX circuit_diverged ON sdm.circuit (circuit) WHERE want_up <> have_up;

-- Both directions of every cross-connection of every circuit.  An exclusive port has one peer only,
-- whichever circuits use it; an electrical port that leads to another switch is not exclusive.
CREATE TABLE sdm.circuit_hop (
    circuit   uuid NOT NULL REFERENCES sdm.circuit ON DELETE CASCADE,
    hop       integer NOT NULL CHECK (hop >= 0),
    switch_no integer NOT NULL,
    port      integer NOT NULL,
    peer_port integer NOT NULL,
    towards   boolean NOT NULL,
    exclusive boolean NOT NULL,
    PRIMARY KEY (circuit, hop, towards),
    FOREIGN KEY (switch_no, port) REFERENCES sdm.port (device_no, port),
    FOREIGN KEY (switch_no, peer_port) REFERENCES sdm.port (device_no, port),
    CHECK (port <> peer_port),
    CONSTRAINT circuit_hop_one_peer EXCLUDE USING gist
        (switch_no WITH =, port WITH =, peer_port WITH <>) WHERE (exclusive)
);
CREATE INDEX circuit_hop_switch ON sdm.circuit_hop (switch_no);

CREATE FUNCTION sdm.circuit_hop_fits() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    switch_kind sdm.device_kind;
    shareable   boolean;
BEGIN
    SELECT d.kind INTO switch_kind FROM sdm.device d WHERE d.device_no = NEW.switch_no;
    IF switch_kind NOT IN ('electrical', 'optical') THEN
        RAISE EXCEPTION 'device % is no switch', NEW.switch_no
            USING ERRCODE = 'check_violation', CONSTRAINT = 'circuit_hop_on_switch';
    END IF;
    IF NEW.exclusive THEN
        RETURN NEW;
    END IF;
    -- Only an electrical port that leads to another switch carries several circuits.
    SELECT switch_kind = 'electrical' AND d.kind IN ('electrical', 'optical') INTO shareable
      FROM sdm.port here
      JOIN sdm.port there ON there.link_no = here.link_no AND there.side <> here.side
      JOIN sdm.device d ON d.device_no = there.device_no
     WHERE here.device_no = NEW.switch_no AND here.port = NEW.port;
    IF shareable IS NOT TRUE THEN
        RAISE EXCEPTION 'port % of switch % cannot be shared', NEW.port, NEW.switch_no
            USING ERRCODE = 'check_violation', CONSTRAINT = 'circuit_hop_exclusive';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER circuit_hop_fits BEFORE INSERT OR UPDATE ON sdm.circuit_hop
    FOR EACH ROW EXECUTE FUNCTION sdm.circuit_hop_fits();

-- One direction alone would leave its peer free for another circuit.
CREATE FUNCTION sdm.circuit_hop_both_ways() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM sdm.circuit_hop h
        WHERE (h.circuit, h.hop) IN ((NEW.circuit, NEW.hop), (OLD.circuit, OLD.hop))
          AND NOT EXISTS (
              SELECT FROM sdm.circuit_hop m
              WHERE (m.circuit, m.hop, m.towards) = (h.circuit, h.hop, NOT h.towards)
                AND (m.switch_no, m.port, m.peer_port) = (h.switch_no, h.peer_port, h.port)))
    THEN
        RAISE EXCEPTION 'a hop of circuit % has one direction', coalesce(NEW.circuit, OLD.circuit)
            USING ERRCODE = 'check_violation', CONSTRAINT = 'circuit_hop_both_ways';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER circuit_hop_both_ways AFTER INSERT OR UPDATE OR DELETE ON sdm.circuit_hop
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION sdm.circuit_hop_both_ways();

-- Which circuit a segment is reached by, for each compute brick that may use it.
CREATE TABLE sdm.segment_circuit (
    segment uuid NOT NULL REFERENCES sdm.segment ON DELETE CASCADE,
    circuit uuid NOT NULL REFERENCES sdm.circuit,
    PRIMARY KEY (segment, circuit)
);
CREATE INDEX segment_circuit_circuit ON sdm.segment_circuit (circuit);

-- Where a reservation is used: once, or once a member of a group.
CREATE TABLE sdm.attachment (
    attachment         uuid PRIMARY KEY,
    reservation        uuid NOT NULL REFERENCES sdm.reservation,
    compute_no         integer NOT NULL,
    compute_kind       sdm.device_kind NOT NULL DEFAULT 'compute' CHECK (compute_kind = 'compute'),
    vm                 uuid REFERENCES sdm.vm,
    want               sdm.window_level NOT NULL,
    have               sdm.window_level NOT NULL DEFAULT 'absent',
    guest_memory_bytes bigint,
    error_code         text,
    error_text         text,
    -- Set by the trigger: a member of a group.
    shared             boolean NOT NULL DEFAULT false,
    UNIQUE (reservation, compute_no),
    FOREIGN KEY (compute_no, compute_kind) REFERENCES sdm.device (device_no, kind)
);
CREATE INDEX attachment_vm ON sdm.attachment (vm);
CREATE UNIQUE INDEX attachment_one_user ON sdm.attachment (reservation)
    WHERE NOT shared AND (want <> 'absent' OR have <> 'absent');

CREATE FUNCTION sdm.attachment_shares() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.shared := EXISTS (SELECT FROM sdm.reservation r
                          WHERE r.reservation = NEW.reservation AND r.group_id IS NOT NULL);
    RETURN NEW;
END $$;
CREATE TRIGGER attachment_shares BEFORE INSERT OR UPDATE OF reservation, shared ON sdm.attachment
    FOR EACH ROW EXECUTE FUNCTION sdm.attachment_shares();

-- One NetPort entry of a compute brick.  Fields of an entry count pages of 4 KiB in 32 bits, and the
-- end is exclusive, so the last page below 16 TiB cannot be named; the RMC's own registers are never
-- covered.
CREATE TABLE sdm.netport_window (
    window_id   uuid PRIMARY KEY,
    attachment  uuid NOT NULL REFERENCES sdm.attachment,
    segment     uuid NOT NULL REFERENCES sdm.segment,
    circuit     uuid NOT NULL REFERENCES sdm.circuit,
    compute_no  integer NOT NULL,
    entry       integer NOT NULL CHECK (entry BETWEEN 0 AND 4095),
    start_bytes bigint NOT NULL CHECK (start_bytes >= 1073741824),
    size_bytes  bigint NOT NULL CHECK (size_bytes > 0),
    want        sdm.window_level NOT NULL,
    have        sdm.window_level NOT NULL DEFAULT 'absent',
    -- The compute brick's generation that 'want' belongs to: a report of an older one cannot say
    -- that the window is gone.
    generation  bigint NOT NULL,
    -- Its agent has been told of it: only a report can say that it is gone.
    offered     boolean NOT NULL DEFAULT false,
    -- False until the request that made it has succeeded; a refused request undoes these.
    settled     boolean NOT NULL DEFAULT false,
    -- Set by the trigger: of a group, so that other compute bricks may map the segment too.
    shared      boolean NOT NULL DEFAULT false,
    UNIQUE (compute_no, entry),
    UNIQUE (segment, compute_no),
    CHECK (start_bytes % 4096 = 0 AND size_bytes % 4096 = 0),
    CONSTRAINT netport_window_below_ceiling CHECK (start_bytes + size_bytes <= 17592186040320),
    CONSTRAINT netport_window_off_registers
        CHECK (start_bytes >= 4278779904 OR start_bytes + size_bytes <= 4278714368),
    CONSTRAINT netport_window_one_use EXCLUDE USING gist
        (compute_no WITH =, int8range(start_bytes, start_bytes + size_bytes) WITH &&)
);
CREATE INDEX netport_window_attachment ON sdm.netport_window (attachment);
CREATE INDEX netport_window_circuit ON sdm.netport_window (circuit);
CREATE UNIQUE INDEX netport_window_one_user ON sdm.netport_window (segment)
    WHERE NOT shared AND (want <> 'absent' OR have <> 'absent');

-- A window covers the bytes of its segment and no other, for the compute brick and over the circuit
-- that its attachment is about.
CREATE FUNCTION sdm.netport_window_fits() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fits boolean;
BEGIN
    SELECT s.size_bytes = NEW.size_bytes AND s.reservation = a.reservation
           AND a.compute_no = NEW.compute_no
           AND (c.compute_no, c.brick_no) = (NEW.compute_no, s.brick_no),
           a.shared
      INTO fits, NEW.shared
      FROM sdm.segment s, sdm.attachment a, sdm.circuit c
     WHERE s.segment = NEW.segment AND a.attachment = NEW.attachment AND c.circuit = NEW.circuit;
    IF fits IS NOT TRUE THEN
        RAISE EXCEPTION 'window % does not fit its segment, attachment or circuit', NEW.window_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'netport_window_fits';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER netport_window_fits
    BEFORE INSERT OR UPDATE OF attachment, segment, circuit, compute_no, size_bytes, shared
    ON sdm.netport_window FOR EACH ROW EXECUTE FUNCTION sdm.netport_window_fits();

COMMIT;
