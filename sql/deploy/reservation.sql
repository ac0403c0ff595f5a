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
    accelerator_no  integer REFERENCES sdm.device,
    created         timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (compute_no, compute_kind) REFERENCES sdm.device (device_no, kind),
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
-- whoever asks; capacity is copied by the foreign key, so that the CHECK can hold it.
CREATE TABLE sdm.segment (
    segment        uuid PRIMARY KEY,
    seq            bigint GENERATED ALWAYS AS IDENTITY,
    reservation    uuid REFERENCES sdm.reservation,
    brick_no       integer NOT NULL,
    capacity_bytes bigint NOT NULL,
    offset_bytes   bigint NOT NULL CHECK (offset_bytes >= 0),
    size_bytes     bigint NOT NULL CHECK (size_bytes > 0),
    latency_class  sdm.latency_class NOT NULL,
    state          sdm.segment_state NOT NULL DEFAULT 'live',
    -- Given up: goes to scrubbing once nothing maps it and its circuit is cut.
    want_free      boolean NOT NULL DEFAULT false,
    FOREIGN KEY (brick_no, capacity_bytes) REFERENCES sdm.device (device_no, capacity_bytes)
        ON UPDATE CASCADE,
    CHECK (offset_bytes + size_bytes <= capacity_bytes),
    CHECK (state <> 'live' OR reservation IS NOT NULL),
    CONSTRAINT segment_one_owner EXCLUDE USING gist
        (brick_no WITH =, int8range(offset_bytes, offset_bytes + size_bytes) WITH &&)
);
CREATE INDEX segment_reservation ON sdm.segment (reservation, seq);
CREATE INDEX segment_not_live ON sdm.segment (seq) WHERE state <> 'live';

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

-- A circuit joins one compute brick and one other brick and carries every segment between them.
CREATE TABLE sdm.circuit (
    circuit        uuid PRIMARY KEY,
    compute_no     integer NOT NULL,
    compute_kind   sdm.device_kind NOT NULL DEFAULT 'compute' CHECK (compute_kind = 'compute'),
    compute_port   integer NOT NULL,
    brick_no       integer NOT NULL REFERENCES sdm.device,
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
    UNIQUE (reservation, compute_no),
    FOREIGN KEY (compute_no, compute_kind) REFERENCES sdm.device (device_no, kind)
);
CREATE INDEX attachment_vm ON sdm.attachment (vm);

-- One NetPort entry of a compute brick.
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
    UNIQUE (compute_no, entry),
    UNIQUE (segment, compute_no),
    CHECK (start_bytes + size_bytes <= 17592186044416),
    CONSTRAINT netport_window_one_use EXCLUDE USING gist
        (compute_no WITH =, int8range(start_bytes, start_bytes + size_bytes) WITH &&)
);
CREATE INDEX netport_window_attachment ON sdm.netport_window (attachment);
CREATE INDEX netport_window_circuit ON sdm.netport_window (circuit);

COMMIT;
