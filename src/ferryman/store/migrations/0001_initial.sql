-- The whole truth of the platform. Times are platform time; the queue has tables of its own.

CREATE TABLE clock (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    time_offset interval NOT NULL DEFAULT '0'
);
INSERT INTO clock DEFAULT VALUES;

-- HMAC secret of the local store's URLs and RS256 keys of the tokens we sign.
CREATE TABLE secret (
    name text PRIMARY KEY,
    value bytea NOT NULL
);

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
    shared_secret text,
    created_at timestamptz NOT NULL,
    UNIQUE (cloud_app_key, environment)
);
CREATE INDEX app_by_age ON app (created_at, app_id);

CREATE TABLE token (
    digest bytea PRIMARY KEY,
    app_id uuid NOT NULL REFERENCES app,
    audience text NOT NULL CHECK (audience IN ('server', 'cloud')),
    created_at timestamptz NOT NULL
);

CREATE TABLE migration_scope (
    migration_scope_id uuid PRIMARY KEY,
    source_id text NOT NULL,
    cloud_url text NOT NULL,
    UNIQUE (source_id, cloud_url)
);

CREATE TABLE migration (
    migration_id uuid PRIMARY KEY,
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

CREATE TABLE mapping (
    migration_scope_id uuid NOT NULL REFERENCES migration_scope,
    namespace text COLLATE "C" NOT NULL,
    server_key text COLLATE "C" NOT NULL,
    cloud_key text NOT NULL,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (migration_scope_id, namespace, server_key)
);

CREATE TABLE transfer (
    transfer_id uuid PRIMARY KEY,
    migration_id uuid NOT NULL REFERENCES migration,
    app_id uuid NOT NULL REFERENCES app,
    original_transfer_id uuid REFERENCES transfer,
    created_at timestamptz NOT NULL,
    released_at timestamptz,
    claims integer NOT NULL DEFAULT 0,
    claimed_at timestamptz,
    claimed_by text,
    server_app_version text NOT NULL DEFAULT '1.0',
    listener_error jsonb,
    feedback jsonb,
    status_message text,
    wake_job_id bigint,
    -- the state that domain/transfer.py decides on
    status text NOT NULL,
    window_seconds double precision NOT NULL,
    started_at timestamptz,
    last_upload_at timestamptz,
    last_success_at timestamptz,
    export_completed_at timestamptz,
    cancel_requested_at timestamptz,
    settled_at timestamptz,
    listener_errored boolean NOT NULL DEFAULT false,
    files integer NOT NULL DEFAULT 0,
    succeeded integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    progress integer NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    bytes bigint NOT NULL DEFAULT 0,
    CHECK (succeeded + failed <= files),
    CHECK ((settled_at IS NOT NULL)
        = (status IN ('SUCCESS', 'INCOMPLETE', 'FAILED', 'TIMED_OUT', 'CANCELLED', 'SKIPPED'))),
    CHECK (settled_at IS NULL OR wake_job_id IS NULL)
);
CREATE INDEX transfer_of_migration ON transfer (migration_id);
CREATE INDEX transfer_to_claim ON transfer (app_id, released_at)
    WHERE status IN ('READY', 'IN_PROGRESS') AND released_at IS NOT NULL;

CREATE TABLE upload (
    upload_id uuid PRIMARY KEY,
    transfer_id uuid NOT NULL REFERENCES transfer,
    key uuid NOT NULL UNIQUE,
    store_ref text NOT NULL,
    label text,
    state text NOT NULL CHECK (state IN ('OPEN', 'COMPLETED', 'ABORTED')),
    created_at timestamptz NOT NULL
);
CREATE INDEX upload_open ON upload (created_at) WHERE state = 'OPEN';

CREATE TABLE app_data (
    key uuid PRIMARY KEY,
    transfer_id uuid NOT NULL REFERENCES transfer,
    upload_id uuid NOT NULL UNIQUE REFERENCES upload,
    message_id uuid NOT NULL UNIQUE,
    label text,
    size bigint NOT NULL CHECK (size >= 0),
    sha256 text NOT NULL,
    parts jsonb NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX app_data_of_transfer ON app_data (transfer_id, key);

CREATE TABLE message (
    message_id uuid PRIMARY KEY,
    position bigint GENERATED ALWAYS AS IDENTITY,
    transfer_id uuid NOT NULL REFERENCES transfer,
    app_id uuid NOT NULL REFERENCES app,
    event_type text NOT NULL,
    payload jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('PENDING', 'DELIVERED', 'UNDELIVERED')),
    -- WAITING: no job yet; RELEASED: its job is due or running; DEFERRED: its job waits to retry
    lane text NOT NULL DEFAULT 'WAITING' CHECK (lane IN ('WAITING', 'RELEASED', 'DEFERRED')),
    reason text,
    attempts integer NOT NULL DEFAULT 0,
    allowed integer NOT NULL DEFAULT 5,
    open_attempt boolean NOT NULL DEFAULT false,
    acknowledgement text CHECK (acknowledgement IN ('SUCCESS', 'FAILED')),
    acknowledged_at timestamptz,
    next_attempt_at timestamptz,
    created_at timestamptz NOT NULL
);
CREATE INDEX message_of_transfer ON message (transfer_id, position);
CREATE INDEX message_released ON message (app_id) WHERE state = 'PENDING' AND lane = 'RELEASED';
CREATE INDEX message_waiting ON message (app_id, position)
    WHERE state = 'PENDING' AND lane = 'WAITING';
CREATE INDEX message_outstanding ON message (transfer_id)
    WHERE acknowledgement IS NULL AND event_type = 'avi:ecosystem.migration:uploaded:app_data';

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
    PRIMARY KEY (message_id, number)
);

-- What happened to a transfer, in order; written in the transaction of the thing itself.
CREATE TABLE timeline (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transfer_id uuid NOT NULL REFERENCES transfer,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    data jsonb NOT NULL
);
CREATE INDEX timeline_of_transfer ON timeline (transfer_id, seq);
