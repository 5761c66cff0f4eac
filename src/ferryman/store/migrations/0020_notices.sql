-- What operators are told without looking, and where (ADR 97).

CREATE TABLE notice (
    notice_id uuid PRIMARY KEY,
    kind text NOT NULL,
    -- whose trouble it is: the platform's, an app's, or an app's for a customer; no two notices of
    -- one kind and subject are open at once
    subject text NOT NULL,
    -- no foreign keys: a notice may outlive what it is about
    customer text,
    cloud_app_key text,
    environment text,
    transfer_id uuid,
    migration_name text,
    found text NOT NULL,
    fix text,
    link text,
    cause text,
    count integer NOT NULL,
    began_at timestamptz NOT NULL,
    -- null: a suspicion, which has to last for a while
    noticed_at timestamptz,
    -- since when it is no longer seen; it is over once that has lasted for a while
    gone_at timestamptz,
    ended_at timestamptz
);
CREATE UNIQUE INDEX notice_open ON notice (kind, subject) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX notice_of_settled ON notice (transfer_id) WHERE kind = 'settled';
CREATE INDEX notice_by_age ON notice (noticed_at DESC, notice_id DESC)
    WHERE noticed_at IS NOT NULL;

CREATE TABLE notice_sink (
    sink_id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('webhook', 'slack', 'mail')),
    -- both sealed: the URL of a hook is a secret itself
    address bytea NOT NULL,
    secret bytea,
    -- null: all
    customers text[],
    apps text[],
    kinds text[],
    created_at timestamptz NOT NULL,
    created_by text NOT NULL
);

-- A queue: what a sink is still to be told, and what it was told.
CREATE TABLE notice_telling (
    telling_id uuid PRIMARY KEY,
    sink_id uuid NOT NULL REFERENCES notice_sink ON DELETE CASCADE,
    -- null: a trial of the sink
    notice_id uuid REFERENCES notice ON DELETE CASCADE,
    part text NOT NULL CHECK (part IN ('began', 'ended', 'test')),
    created_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    -- platform time; null: told, or given up
    due_at timestamptz,
    -- real time: a process tells it until then
    claimed_until timestamptz,
    told_at timestamptz,
    error text
);
CREATE INDEX notice_telling_due ON notice_telling (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX notice_telling_of_sink ON notice_telling (sink_id, created_at);
CREATE INDEX notice_telling_of_notice ON notice_telling (notice_id);

-- One row: when somebody last looked for troubles, in real time, and up to when settled transfers
-- were told. What settled before the first look is not told.
CREATE TABLE notice_watch (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    looked_at timestamptz,
    began_at timestamptz,
    settled_to timestamptz
);
INSERT INTO notice_watch DEFAULT VALUES;
