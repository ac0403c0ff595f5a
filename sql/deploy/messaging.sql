-- Deploy sdm:messaging
-- requires: reservation

BEGIN;

-- The reply to a request, by project and idempotency key.  A pending row waits for a level, until its
-- deadline; a new leader resumes it.
CREATE TABLE sdm.stored_reply (
    project        text NOT NULL,
    key            text NOT NULL,
    fingerprint    text NOT NULL,
    type           text NOT NULL,
    created        timestamptz NOT NULL DEFAULT now(),
    reservation    uuid REFERENCES sdm.reservation,
    device_no      integer REFERENCES sdm.device,
    wait           sdm.wait_level NOT NULL,
    deadline       timestamptz,
    -- How to answer: the AMQP properties of the request, and whether it came in an oslo envelope.
    reply_to       text,
    correlation_id text,
    oslo_msg_id    text,
    -- Why it will be answered with an error once what it began is undone.
    error_code     text,
    error_text     text,
    -- Where the time went so far.
    controller_us  bigint,
    fabric_us      bigint,
    agent_us       bigint,
    guest_us       bigint,
    -- Set when it is answered.
    reply_type     text,
    reply          text,
    PRIMARY KEY (project, key),
    CHECK ((reply IS NULL) = (reply_type IS NULL)),
    CHECK (reply IS NOT NULL OR deadline IS NOT NULL)
);
CREATE INDEX stored_reply_created ON sdm.stored_reply (created);
CREATE INDEX stored_reply_pending ON sdm.stored_reply (reservation) WHERE reply IS NULL;
CREATE INDEX stored_reply_deadline ON sdm.stored_reply (deadline) WHERE reply IS NULL;

-- What has to leave the process, written by the transaction that it tells of.
CREATE TABLE sdm.outbox (
    outbox_no      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exchange       text NOT NULL,
    routing_key    text NOT NULL,
    type           text NOT NULL,
    correlation_id text,
    body           text NOT NULL,
    created        timestamptz NOT NULL DEFAULT now()
);

COMMIT;
