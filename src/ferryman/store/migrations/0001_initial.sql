-- The schema of the platform, by noun: each table with its indexes. Times are platform time unless
-- a comment says real time.


-- The platform itself

-- One row. Virtual platform time is frozen_at while the clock is frozen, else real time + offset.
CREATE TABLE clock (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    time_offset interval NOT NULL DEFAULT '0',
    frozen_at timestamptz,
    -- how often a seeded platform was started, so that no two processes draw the same ids
    starts integer NOT NULL DEFAULT 0
);
INSERT INTO clock DEFAULT VALUES;

-- The HMAC secret of the local store's URLs, and the RS256 keys of the tokens we sign.
CREATE TABLE secret (
    name text PRIMARY KEY,
    value bytea NOT NULL
);

-- One row: the deletion of stored files (ADR 0025) and of expired rows (ADR 0054).
CREATE TABLE sweep (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    -- the timer
    due_at timestamptz,
    report jsonb,
    error text,
    -- when rows were last removed: workers without the files do it as well
    maintained_at timestamptz
);
INSERT INTO sweep DEFAULT VALUES;


-- Apps

CREATE TABLE app (
    app_id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('forge', 'connect')),
    server_app_key text NOT NULL,
    cloud_app_key text NOT NULL,
    environment text NOT NULL,
    forge_app_id text,
    manifest jsonb,
    source text,
    descriptor jsonb,
    access_scopes text[] NOT NULL,
    window_seconds integer CHECK (window_seconds > 0),
    -- the current secret of a Connect app; null: it is not installed
    shared_secret text,
    -- the webhook URLs that a Connect app registered
    webhooks text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    UNIQUE (cloud_app_key, environment)
);
CREATE INDEX app_by_age ON app (created_at, app_id);

-- Secrets other than the current one, the running lifecycle call, and the result of the last one.
CREATE TABLE installation (
    app_id uuid PRIMARY KEY REFERENCES app ON DELETE CASCADE,
    -- sent to the app, which may or may not have accepted it; not yet current
    offered_secret text,
    previous_secret text,
    previous_until timestamptz,
    call_id uuid,
    call_until timestamptz,
    installed_at timestamptz,
    uninstalled_at timestamptz,
    last_event text,
    last_at timestamptz,
    last_status integer,
    last_error text,
    CHECK ((previous_secret IS NULL) = (previous_until IS NULL)),
    CHECK ((call_id IS NULL) = (call_until IS NULL))
);

CREATE TABLE token (
    digest bytea PRIMARY KEY,
    app_id uuid NOT NULL REFERENCES app,
    audience text NOT NULL CHECK (audience IN ('server', 'cloud')),
    created_at timestamptz NOT NULL
);

-- The agent that last polled for work of an app, for explanations.
CREATE TABLE asking (
    app_id uuid PRIMARY KEY REFERENCES app ON DELETE CASCADE,
    agent_id text,
    asked_at timestamptz NOT NULL
);


-- Migrations

CREATE TABLE migration_scope (
    migration_scope_id uuid PRIMARY KEY,
    source_id text NOT NULL,
    cloud_url text NOT NULL,
    UNIQUE (source_id, cloud_url)
);

CREATE TABLE migration (
    migration_id uuid PRIMARY KEY,
    -- identifies the writer of a mapping in four bytes
    number integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    migration_scope_id uuid NOT NULL REFERENCES migration_scope,
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz
);
CREATE INDEX migration_by_age ON migration (created_at DESC, migration_id);

CREATE TABLE container (
    container_id uuid PRIMARY KEY,
    migration_id uuid NOT NULL REFERENCES migration,
    position integer NOT NULL,
    type text NOT NULL,
    key text,
    source_id text,
    name text,
    UNIQUE (migration_id, type, position)
);


-- Transfers

CREATE TABLE transfer (
    transfer_id uuid PRIMARY KEY,
    migration_id uuid NOT NULL REFERENCES migration,
    app_id uuid NOT NULL REFERENCES app,
    original_transfer_id uuid REFERENCES transfer,
    created_at timestamptz NOT NULL,
    released_at timestamptz,

    -- Declared by the listener. Names refer to transfers of the same app and migration; the newest
    -- transfer of a name counts.
    transfer_name text,
    depends_on text[] NOT NULL DEFAULT '{}',
    blocking boolean NOT NULL DEFAULT true,
    -- null: the scopes in the app's registration
    declared_scopes text[],
    -- orders transfers inserted by one transaction
    position integer NOT NULL DEFAULT 0,
    -- the dependency whose failure skipped this transfer; null: not skipped, or skipped by an admin
    skipped_by uuid REFERENCES transfer,

    -- The agent's claim. claim_seen_at is real time, because agents run in real time.
    claims integer NOT NULL DEFAULT 0,
    claimed_at timestamptz,
    claimed_by text,
    claim_confirmed boolean NOT NULL DEFAULT false,
    claim_seen_at timestamptz,
    server_app_version text NOT NULL DEFAULT '1.0',

    -- The state that domain/transfer.py decides on.
    status text NOT NULL,
    window_seconds double precision NOT NULL,
    started_at timestamptz,
    last_upload_at timestamptz,
    last_success_at timestamptz,
    export_completed_at timestamptz,
    returned_at timestamptz,
    heartbeats boolean NOT NULL DEFAULT false,
    cancel_requested_at timestamptz,
    settled_at timestamptz,
    listener_errored boolean NOT NULL DEFAULT false,
    files integer NOT NULL DEFAULT 0,
    succeeded integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    progress integer NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),

    bytes bigint NOT NULL DEFAULT 0,
    listener_error jsonb,
    feedback jsonb,
    status_message text,
    -- the timer (ADR 0049)
    wake_at timestamptz,
    -- when attempts and timeline of a settled transfer were removed
    details_removed_at timestamptz,

    CHECK (succeeded + failed <= files),
    CHECK ((settled_at IS NOT NULL)
        = (status IN ('SUCCESS', 'INCOMPLETE', 'FAILED', 'TIMED_OUT', 'CANCELLED', 'SKIPPED'))),
    CHECK (settled_at IS NULL OR wake_at IS NULL),
    CHECK (transfer_name IS NOT NULL OR depends_on = '{}'),
    CHECK (skipped_by IS NULL OR status = 'SKIPPED')
);
CREATE INDEX transfer_of_migration ON transfer (migration_id);
CREATE INDEX transfer_timer ON transfer (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX transfer_by_name ON transfer (migration_id, app_id, transfer_name, created_at DESC)
    WHERE transfer_name IS NOT NULL;
CREATE INDEX transfer_to_claim ON transfer (app_id, released_at)
    WHERE status IN ('READY', 'IN_PROGRESS') AND released_at IS NOT NULL;
CREATE INDEX transfer_running ON transfer (app_id, created_at DESC)
    WHERE status IN ('IN_PROGRESS', 'CANCELLATION_REQUESTED');
CREATE INDEX transfer_settled ON transfer (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX transfer_with_details ON transfer (settled_at)
    WHERE settled_at IS NOT NULL AND details_removed_at IS NULL;
-- Without these, deleting a transfer would scan the whole table for rows that refer to it.
CREATE INDEX transfer_repeated ON transfer (original_transfer_id)
    WHERE original_transfer_id IS NOT NULL;
CREATE INDEX transfer_skipped_by ON transfer (skipped_by) WHERE skipped_by IS NOT NULL;

-- Whether a transfer takes files, and for which claim. Starting a file takes a shared lock on this
-- row; settling and claiming take an exclusive one, so that no file starts unseen. It is a separate
-- row because every insert of a message or timeline entry locks the transfer's row (foreign keys).
CREATE TABLE intake (
    transfer_id uuid PRIMARY KEY REFERENCES transfer ON DELETE CASCADE,
    open boolean NOT NULL DEFAULT true,
    claim integer NOT NULL DEFAULT 0
);

-- The app and migration of a transfer, to be joined by both ids. The transfer itself is not in the
-- view: a lock taken through a view locks the rows of all its tables, and the columns of a view are
-- fixed when it is created.
CREATE VIEW app_in_migration AS
SELECT app_id, app.kind, app.server_app_key, app.cloud_app_key, app.environment,
       app.access_scopes, app.forge_app_id,
       migration_id, migration_scope_id, migration.name,
       migration.created_at AS migration_created_at, migration_scope.cloud_url
FROM app CROSS JOIN migration JOIN migration_scope USING (migration_scope_id);

-- The events of a transfer, in order; written in the same transaction as the event itself.
CREATE TABLE timeline (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transfer_id uuid NOT NULL REFERENCES transfer,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    data jsonb NOT NULL
);
CREATE INDEX timeline_of_transfer ON timeline (transfer_id, seq);

-- Calls that were refused to apps, for explanations. Bounded by the number of apps, transfers,
-- API calls and error codes.
CREATE TABLE refusal (
    app_id uuid NOT NULL REFERENCES app ON DELETE CASCADE,
    -- the transfer named by the call, even another app's; null: none, or one that does not exist
    transfer_id uuid REFERENCES transfer ON DELETE CASCADE,
    call text NOT NULL,
    code text NOT NULL,
    found text NOT NULL,
    fix text NOT NULL,
    times bigint NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (app_id, transfer_id, call, code)
);
CREATE INDEX refusal_of_transfer ON refusal (transfer_id) WHERE transfer_id IS NOT NULL;

-- Calls of apps and their responses, on platforms with a virtual clock (ADR 0035).
CREATE TABLE app_call (
    call_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transfer_id uuid NOT NULL REFERENCES transfer ON DELETE CASCADE,
    at timestamptz NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    query text NOT NULL,
    status integer NOT NULL,
    -- null: no body, too large to keep, or not text
    request text,
    request_size bigint NOT NULL,
    request_sha256 text NOT NULL,
    answer text,
    answer_size bigint NOT NULL,
    answer_sha256 text NOT NULL
);
CREATE INDEX app_call_of_transfer ON app_call (transfer_id, call_id);


-- Files

-- A file that was begun. SUCCESS proves that none of them is missing (ADR 0038).
CREATE TABLE upload (
    upload_id uuid PRIMARY KEY,
    transfer_id uuid NOT NULL REFERENCES transfer,
    key uuid NOT NULL UNIQUE,
    store_ref text NOT NULL,
    label text,
    -- a killed process that begins the upload again with the same key gets the same upload
    resume_key text,
    -- the claim it belongs to
    claim integer NOT NULL DEFAULT 0,
    state text NOT NULL CHECK (state IN ('OPEN', 'COMPLETED', 'ABORTED')),
    -- set when it is given up
    reason text CHECK (reason IN ('writer_failed', 'deliberate', 'superseded')),
    detail text,
    given_up_at timestamptz,
    created_at timestamptz NOT NULL,
    CHECK (reason IS NULL OR state = 'ABORTED')
);
CREATE INDEX upload_of_transfer ON upload (transfer_id);
CREATE UNIQUE INDEX upload_resume ON upload (transfer_id, resume_key)
    WHERE resume_key IS NOT NULL AND state <> 'ABORTED';
CREATE INDEX upload_open ON upload (created_at) WHERE state = 'OPEN';
CREATE INDEX upload_open_of_transfer ON upload (transfer_id) WHERE state = 'OPEN';
CREATE INDEX upload_failed_of_transfer ON upload (transfer_id) WHERE reason = 'writer_failed';

-- A completed file.
CREATE TABLE app_data (
    key uuid PRIMARY KEY,
    transfer_id uuid NOT NULL REFERENCES transfer,
    upload_id uuid NOT NULL UNIQUE REFERENCES upload,
    message_id uuid NOT NULL UNIQUE,
    label text,
    size bigint NOT NULL CHECK (size >= 0),
    sha256 text NOT NULL,
    parts jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    -- set when the file becomes unreadable; its object is deleted right after (ADR 0025)
    deleted_at timestamptz
);
CREATE INDEX app_data_of_transfer ON app_data (transfer_id, key);
CREATE INDEX app_data_kept ON app_data (transfer_id) WHERE deleted_at IS NULL;


-- Messages

-- The message table is the queue: workers claim messages from here (ADR 0023).
CREATE TABLE message (
    message_id uuid PRIMARY KEY,
    position bigint GENERATED ALWAYS AS IDENTITY,
    transfer_id uuid NOT NULL REFERENCES transfer,
    app_id uuid NOT NULL REFERENCES app,
    event_type text NOT NULL,
    payload jsonb NOT NULL,
    -- the W3C trace context of the call that caused the message
    trace text,
    created_at timestamptz NOT NULL,

    state text NOT NULL CHECK (state IN ('PENDING', 'DELIVERED', 'UNDELIVERED')),
    reason text,
    acknowledgement text CHECK (acknowledgement IN ('SUCCESS', 'FAILED')),
    acknowledged_at timestamptz,

    -- When it is pending; null: it waits until its app registers a webhook (ADR 0016).
    next_attempt_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    -- how many of them were made before the last redelivery by hand
    earlier integer NOT NULL DEFAULT 0,
    -- the maximum number; null: unlimited
    allowed integer DEFAULT 5,
    -- the webhooks that have accepted it
    reached text[] NOT NULL DEFAULT '{}',
    -- how often the function asked to be called again, and the JSON it passes to that call
    retry_count integer NOT NULL DEFAULT 0,
    retry_context text,
    -- the worker that is delivering it now
    worker_id uuid,
    claimed_at timestamptz
);
CREATE INDEX message_of_transfer ON message (transfer_id, position);
CREATE INDEX message_outstanding ON message (transfer_id)
    WHERE acknowledgement IS NULL AND event_type = 'avi:ecosystem.migration:uploaded:app_data';
-- Due messages by lane: those that share a target. next_attempt_at orders each lane.
CREATE INDEX message_due ON message (app_id, event_type, next_attempt_at, position)
    WHERE state = 'PENDING' AND worker_id IS NULL;
CREATE INDEX message_in_flight ON message (worker_id) WHERE worker_id IS NOT NULL;
-- Dead letters: lists, counts and re-queues them without reading delivered messages.
CREATE INDEX message_undelivered ON message (position) WHERE state = 'UNDELIVERED';
CREATE INDEX message_undelivered_of_app ON message (app_id, position) WHERE state = 'UNDELIVERED';
CREATE INDEX message_undelivered_of_transfer ON message (transfer_id, position)
    WHERE state = 'UNDELIVERED';
-- By default, a table is vacuumed after a fifth of it has changed. With ten million finished
-- messages, every claim would have to step over two million dead rows by then.
ALTER TABLE message SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0
);

-- Written when the attempt has ended.
CREATE TABLE attempt (
    message_id uuid NOT NULL REFERENCES message,
    number integer NOT NULL,
    target text,
    started_at timestamptz NOT NULL,
    duration_ms integer,
    outcome text NOT NULL CHECK (outcome IN ('RUNNING', 'DELIVERED', 'FAILED', 'LOST')),
    stage text,
    status integer,
    error text,
    output text,
    -- it failed after the app had acknowledged the message (ADR 0041)
    after_acknowledgement boolean NOT NULL DEFAULT false,
    -- only functions had the message and all returned; what they left running
    returned boolean NOT NULL DEFAULT false,
    left_running text,
    -- why it failed, as reported where it failed, and the exception of the app's code (ADR 0045)
    cause text,
    error_class text,
    error_message text,
    error_frame text,
    PRIMARY KEY (message_id, number)
);
CREATE INDEX attempt_after_acknowledgement ON attempt (message_id) WHERE after_acknowledgement;

CREATE TABLE worker (
    worker_id uuid PRIMARY KEY,
    seen_at timestamptz NOT NULL,  -- real time: moving the clock kills no worker
    -- its metrics since it started; deleted with the worker
    metrics jsonb,
    -- the error it keeps failing with, and since when (ADR 0032)
    error text,
    failing_since timestamptz
);
-- Few rows, each updated every second: free space on the page keeps the updates in place.
ALTER TABLE worker SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100
);

-- Endpoints whose last attempt failed; a healthy endpoint has no row.
CREATE TABLE breaker (
    app_id uuid NOT NULL REFERENCES app,
    endpoint text NOT NULL,
    event_types text[] NOT NULL,
    weight integer NOT NULL,
    trips integer NOT NULL,
    open_until timestamptz,
    error text,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (app_id, endpoint)
);
ALTER TABLE breaker SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100
);


-- Mappings (ADR 0020) store numbers instead of texts and uuids, for small rows and indexes. There
-- are no foreign keys: checking them row by row takes longer than writing the row.

CREATE TABLE mapping_namespace (
    namespace_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    migration_scope_id uuid NOT NULL REFERENCES migration_scope,
    namespace text COLLATE "C" NOT NULL,
    UNIQUE (migration_scope_id, namespace)
);

-- Loaded with COPY by column name; fixed-width columns come first, which keeps rows small.
CREATE TABLE mapping (
    namespace_id integer NOT NULL,
    writer integer NOT NULL,
    written_at timestamptz NOT NULL,
    server_key text COLLATE "C" NOT NULL,
    cloud_key text NOT NULL,
    PRIMARY KEY (namespace_id, server_key)
);
-- COPY puts rows of the same age together, so a BRIN index is enough, and costs a load nothing.
CREATE INDEX mapping_by_age ON mapping USING brin (written_at);

-- The last value a migration wrote for a key that a later migration overwrote.
CREATE TABLE mapping_earlier (
    namespace_id integer NOT NULL,
    writer integer NOT NULL,
    written_at timestamptz NOT NULL,
    server_key text COLLATE "C" NOT NULL,
    cloud_key text NOT NULL,
    PRIMARY KEY (namespace_id, server_key, writer)
);
CREATE INDEX mapping_earlier_by_age ON mapping_earlier USING brin (written_at);

-- Keys an app requested that do not exist: a bounded sample, from which their number is estimated.
CREATE TABLE mapping_missing (
    transfer_id uuid NOT NULL REFERENCES transfer,
    namespace text COLLATE "C" NOT NULL,
    wrong_form boolean NOT NULL,
    keys text[] NOT NULL,
    asked_at timestamptz NOT NULL,
    PRIMARY KEY (transfer_id, namespace, wrong_form)
);
