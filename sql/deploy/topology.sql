-- Deploy sdm:topology
-- requires: appschema

BEGIN;

-- What holds for the whole pod; the first registration sets the segment unit.
CREATE TABLE sdm.pod (
    one                boolean PRIMARY KEY DEFAULT true CHECK (one),
    segment_unit_bytes bigint  NOT NULL CHECK (segment_unit_bytes >= 4096)
);

CREATE TABLE sdm.rack (
    rack_no    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text NOT NULL UNIQUE,
    management text
);

CREATE TABLE sdm.tray (
    tray_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id      text NOT NULL UNIQUE,
    rack_no integer NOT NULL REFERENCES sdm.rack,
    UNIQUE (tray_no, rack_no)
);

-- Bricks and switches: one id space, one port space, one generation counter each.
CREATE TABLE sdm.device (
    device_no        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id               text NOT NULL UNIQUE,
    kind             sdm.device_kind NOT NULL,
    tray_no          integer REFERENCES sdm.tray,
    rack_no          integer REFERENCES sdm.rack,
    n_ports          integer NOT NULL CHECK (n_ports BETWEEN 1 AND 4096),
    management       text,
    capacity_bytes   bigint CHECK (capacity_bytes > 0),
    module           integer UNIQUE CHECK (module BETWEEN 0 AND 16777215),
    local_bytes      bigint CHECK (local_bytes >= 0),
    accelerator_kind text,
    idle_mw          integer NOT NULL DEFAULT 0 CHECK (idle_mw >= 0),
    active_mw        integer NOT NULL DEFAULT 0 CHECK (active_mw >= 0),
    wake_ms          integer NOT NULL DEFAULT 0 CHECK (wake_ms BETWEEN 0 AND 600000),
    state            sdm.brick_state NOT NULL DEFAULT 'active',
    want_power       sdm.power_state NOT NULL DEFAULT 'on',
    have_power       sdm.power_state NOT NULL DEFAULT 'on',
    want_generation  bigint NOT NULL DEFAULT 0,
    have_generation  bigint NOT NULL DEFAULT 0,
    -- Compute bricks: what their agent said last.
    boot_id          text,
    agent_version    text,
    last_report      timestamptz,
    -- What a foreign key asks of a device besides its kind.
    usable           boolean NOT NULL GENERATED ALWAYS AS
                         (state IN ('active', 'lost') AND want_power = 'on') STORED,
    serves           boolean NOT NULL GENERATED ALWAYS AS (kind IN ('memory', 'accelerator')) STORED,
    UNIQUE (device_no, kind),
    UNIQUE (device_no, serves),
    UNIQUE (device_no, capacity_bytes, usable),
    FOREIGN KEY (tray_no, rack_no) REFERENCES sdm.tray (tray_no, rack_no),
    CHECK (have_generation <= want_generation),
    CHECK ((kind = 'memory') = (capacity_bytes IS NOT NULL)),
    CHECK ((kind = 'memory') = (module IS NOT NULL)),
    CHECK ((kind = 'accelerator') = (accelerator_kind IS NOT NULL)),
    CHECK (kind IN ('electrical', 'optical') OR tray_no IS NOT NULL)
);

CREATE FUNCTION sdm.device_may_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.want_generation < OLD.want_generation THEN
        RAISE EXCEPTION 'generation % of device % is behind %',
            NEW.want_generation, NEW.id, OLD.want_generation
            USING ERRCODE = 'check_violation', CONSTRAINT = 'device_generation_grows';
    END IF;
    IF EXISTS (SELECT FROM sdm.port p WHERE p.device_no = NEW.device_no AND p.port >= NEW.n_ports)
    THEN
        RAISE EXCEPTION 'device % has links beyond % ports', NEW.id, NEW.n_ports
            USING ERRCODE = 'check_violation', CONSTRAINT = 'port_within_device';
    END IF;
    RETURN NEW;
END $$;

CREATE TABLE sdm.link (
    link_no        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bandwidth_mbps integer NOT NULL CHECK (bandwidth_mbps > 0)
);

-- The two ends of a link.  The primary key is why no port can be linked twice.
CREATE TABLE sdm.port (
    device_no integer NOT NULL REFERENCES sdm.device,
    port      integer NOT NULL CHECK (port >= 0),
    link_no   integer NOT NULL REFERENCES sdm.link,
    side      "char"  NOT NULL CHECK (side IN ('a', 'b')),
    PRIMARY KEY (device_no, port),
    UNIQUE (link_no, side)
);

CREATE FUNCTION sdm.port_within_device() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.port >= (SELECT d.n_ports FROM sdm.device d WHERE d.device_no = NEW.device_no) THEN
        RAISE EXCEPTION 'port % is not on device %', NEW.port, NEW.device_no
            USING ERRCODE = 'check_violation', CONSTRAINT = 'port_within_device';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER port_within_device BEFORE INSERT OR UPDATE ON sdm.port
    FOR EACH ROW EXECUTE FUNCTION sdm.port_within_device();
CREATE TRIGGER device_may_change BEFORE UPDATE ON sdm.device FOR EACH ROW
    WHEN (NEW.want_generation < OLD.want_generation OR NEW.n_ports < OLD.n_ports)
    EXECUTE FUNCTION sdm.device_may_change();

-- Virtual machines as their agents report them; project is null until one is bound.
CREATE TABLE sdm.vm (
    vm                 uuid PRIMARY KEY,
    compute_no         integer NOT NULL,
    compute_kind       sdm.device_kind NOT NULL DEFAULT 'compute' CHECK (compute_kind = 'compute'),
    name               text NOT NULL,
    project            text,
    boot_id            text NOT NULL,
    n_slots            integer NOT NULL CHECK (n_slots >= 0),
    n_slots_used       integer NOT NULL CHECK (n_slots_used >= 0),
    max_memory_bytes   bigint NOT NULL,
    memory_bytes       bigint NOT NULL,
    guest_memory_bytes bigint NOT NULL,
    present            boolean NOT NULL DEFAULT true,
    FOREIGN KEY (compute_no, compute_kind) REFERENCES sdm.device (device_no, kind)
);
CREATE INDEX vm_compute ON sdm.vm (compute_no);

COMMIT;
