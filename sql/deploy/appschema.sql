-- Deploy sdm:appschema

BEGIN;

CREATE SCHEMA sdm;
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Daemons refuse a version other than the one they were built for.
CREATE TABLE sdm.schema_version (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version integer NOT NULL
);
INSERT INTO sdm.schema_version (version) VALUES (1);

CREATE TYPE sdm.mode AS ENUM ('host', 'vm', 'device');
CREATE TYPE sdm.latency_class AS ENUM ('tray', 'rack', 'inter-rack');
CREATE TYPE sdm.policy AS ENUM ('near', 'pack', 'spread', 'first-fit', 'best-fit', 'locality');
CREATE TYPE sdm.wait_level AS ENUM ('committed', 'fabric', 'guest');
CREATE TYPE sdm.device_kind AS ENUM ('compute', 'memory', 'accelerator', 'electrical', 'optical');
CREATE TYPE sdm.power_state AS ENUM ('on', 'off');
CREATE TYPE sdm.brick_state AS ENUM ('active', 'lost', 'fenced', 'retired');
CREATE TYPE sdm.reservation_state AS ENUM
    ('held', 'attaching', 'attached', 'detaching', 'releasing', 'released', 'failed');
CREATE TYPE sdm.segment_state AS ENUM ('live', 'scrubbing', 'quarantined');
CREATE TYPE sdm.window_level AS ENUM ('absent', 'mapped', 'attached');

COMMIT;
