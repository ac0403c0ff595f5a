-- Deploy sdm:audit
-- requires: health

BEGIN;

-- Who asked for what, and what became of it.  Only added to.  A row is written by the transaction that
-- it tells of; docs/DATABASE.md says how it is serialised and sealed.
CREATE TABLE sdm.audit_entry (
    -- Given before the commit: a lower one may become visible after a higher one, and what a
    -- transaction took that was undone is missing.
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    epoch       bigint NOT NULL,
    -- 'request', or what came later and without one: 'answer', 'lease-end', 'free', ...
    action      text NOT NULL,
    -- The token's name, 'agent.BRICK', 'controller', or a role of the database.
    actor       text NOT NULL,
    role        text NOT NULL,
    project     text,
    -- Of the request: its type, how the asker calls it, its idempotency key.
    type        text,
    request_id  text,
    key         text,
    object_kind text,
    object      text,
    -- SHA-256 of the request in its canonical encoding.
    digest      bytea,
    -- 'ok', 'waiting', or the code of the refusal.
    outcome     text NOT NULL,
    summary     text NOT NULL
);
-- Costs a writer next to nothing, and finds a day.
CREATE INDEX audit_entry_at ON sdm.audit_entry USING brin (at);

-- A sealed part of the log: the entries first_id to last_id, as far as they exist.  The first block
-- follows on 32 zero bytes, or on what the last row of audit_prune says.
CREATE TABLE sdm.audit_block (
    block_no  bigint PRIMARY KEY CHECK (block_no > 0),
    first_id  bigint NOT NULL UNIQUE,
    last_id   bigint NOT NULL UNIQUE,
    n_entries integer NOT NULL,
    prev_hash bytea NOT NULL CHECK (length(prev_hash) = 32),
    hash      bytea NOT NULL CHECK (length(hash) = 32),
    -- For each entry its id (8 bytes) and its own hash (32 bytes): names the row that was changed.
    leaves    bytea NOT NULL,
    sealed_at timestamptz NOT NULL,
    epoch     bigint NOT NULL,
    CONSTRAINT audit_block_range CHECK (first_id > 0 AND first_id <= last_id),
    CONSTRAINT audit_block_leaves CHECK (length(leaves) = n_entries * 40)
);
-- Hashes do not get shorter.
ALTER TABLE sdm.audit_block ALTER COLUMN leaves SET STORAGE EXTERNAL;

-- What was taken out of the log on purpose, and the hash that the rest goes on from.
CREATE TABLE sdm.audit_prune (
    prune_no  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now(),
    by        text NOT NULL,
    block_no  bigint NOT NULL UNIQUE,
    last_id   bigint NOT NULL,
    n_blocks  bigint NOT NULL,
    n_entries bigint NOT NULL,
    hash      bytea NOT NULL CHECK (length(hash) = 32)
);

-- Nothing in the log is changed or taken away, but by sdm.audit_prune_before().  A database's superuser
-- can get round this; what that leaves behind is found by the hashes.
CREATE FUNCTION sdm.audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('sdm.audit_pruning', true) = pg_current_xact_id()::text
       AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the audit log is only added to'
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END $$;
CREATE TRIGGER audit_entry_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON sdm.audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION sdm.audit_stays();
CREATE TRIGGER audit_block_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON sdm.audit_block
    FOR EACH STATEMENT EXECUTE FUNCTION sdm.audit_stays();
CREATE TRIGGER audit_prune_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON sdm.audit_prune
    FOR EACH STATEMENT EXECUTE FUNCTION sdm.audit_stays();

-- A block follows on the one before it, without a gap.
CREATE FUNCTION sdm.audit_block_follows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before record;
BEGIN
    SELECT b.block_no, b.last_id, b.hash INTO before FROM sdm.audit_block b
     ORDER BY b.block_no DESC LIMIT 1;
    IF NOT FOUND THEN
        SELECT p.block_no, p.last_id, p.hash INTO before FROM sdm.audit_prune p
         ORDER BY p.block_no DESC LIMIT 1;
    END IF;
    IF NEW.block_no <> coalesce(before.block_no, 0) + 1
       OR NEW.first_id <> coalesce(before.last_id, 0) + 1
       OR NEW.prev_hash <> coalesce(before.hash, decode(repeat('00', 32), 'hex')) THEN
        RAISE EXCEPTION 'block % does not follow on block %', NEW.block_no, before.block_no
            USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_block_follows';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_block_follows BEFORE INSERT ON sdm.audit_block FOR EACH ROW
    EXECUTE FUNCTION sdm.audit_block_follows();

-- Takes out whole blocks that were sealed before 'horizon', and says how many.  The last block stays.
-- For superusers, by hand; writes what it did into the log itself.
CREATE FUNCTION sdm.audit_prune_before(horizon timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    last     record;
    blocks   bigint;
    entries  bigint;
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION 'only a superuser takes something out of the audit log'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- As every writer: who seals waits for the entry that is written here.
    PERFORM pg_advisory_xact_lock_shared(7170001);
    -- One at a time.
    LOCK TABLE sdm.audit_prune IN EXCLUSIVE MODE;
    -- The first block that stays decides, so that what goes has no gap.
    SELECT b.block_no, b.last_id, b.hash INTO last FROM sdm.audit_block b
     WHERE b.block_no < (SELECT coalesce(min(s.block_no) FILTER (WHERE s.sealed_at >= horizon),
                                         max(s.block_no)) FROM sdm.audit_block s)
     ORDER BY b.block_no DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    PERFORM set_config('sdm.audit_pruning', pg_current_xact_id()::text, true);
    DELETE FROM sdm.audit_entry e WHERE e.id <= last.last_id;
    GET DIAGNOSTICS entries = ROW_COUNT;
    DELETE FROM sdm.audit_block b WHERE b.block_no <= last.block_no;
    GET DIAGNOSTICS blocks = ROW_COUNT;
    PERFORM set_config('sdm.audit_pruning', '', true);
    INSERT INTO sdm.audit_prune (by, block_no, last_id, n_blocks, n_entries, hash)
    VALUES (session_user, last.block_no, last.last_id, blocks, entries, last.hash);
    INSERT INTO sdm.audit_entry (epoch, action, actor, role, object_kind, object, outcome, summary)
    SELECT l.epoch, 'prune', session_user, 'database', 'block', last.block_no::text, 'ok',
           format('%s blocks with %s entries, hash %s', blocks, entries, encode(last.hash, 'hex'))
      FROM sdm.leader l;
    RETURN blocks;
END $$;
REVOKE EXECUTE ON FUNCTION sdm.audit_prune_before(timestamptz) FROM PUBLIC;

-- The controller adds; sdm_auditor, where the cluster has such a role, reads, and reads nothing else.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sdm_controller') THEN
        GRANT SELECT, INSERT ON sdm.audit_entry, sdm.audit_block TO sdm_controller;
        GRANT SELECT ON sdm.audit_prune TO sdm_controller;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sdm_auditor') THEN
        GRANT USAGE ON SCHEMA sdm TO sdm_auditor;
        GRANT SELECT ON sdm.audit_entry, sdm.audit_block, sdm.audit_prune, sdm.schema_version
            TO sdm_auditor;
    END IF;
END $$;

UPDATE sdm.schema_version SET version = 5;

COMMIT;
