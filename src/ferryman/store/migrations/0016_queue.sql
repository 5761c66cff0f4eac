-- Events that Forge apps push to their queues (ADR 89).
CREATE TABLE queue_event (
    queue_event_id uuid PRIMARY KEY,
    position bigint GENERATED ALWAYS AS IDENTITY,
    app_site_id bigint NOT NULL REFERENCES app_site ON DELETE CASCADE,
    app_id uuid NOT NULL REFERENCES app,
    queue text NOT NULL,
    -- Made by the app's package, which tells the platform.
    job_id text NOT NULL,
    -- JSON as the app sent it, which jsonb would change
    body bytea NOT NULL,
    delay_seconds double precision,
    concurrency_key text,
    concurrency_limit integer,
    -- How many pushes led to this one, each made by a consumer that an event of the one before called.
    chain integer NOT NULL,
    state text NOT NULL CHECK (state IN ('PENDING', 'DONE', 'FAILED', 'CANCELLED')),
    pushed_at timestamptz NOT NULL,
    -- Of the next attempt.
    due_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    -- Only the retries that the function asked for.
    retry_count integer NOT NULL DEFAULT 0,
    retry_context text,
    -- Asked for while an attempt ran, which is the last one then.
    cancelled boolean NOT NULL DEFAULT false,
    worker_id uuid,
    claimed_at timestamptz,
    ended_at timestamptz,
    -- Of the last attempt that failed.
    cause text,
    error text,
    duration_ms integer,
    CHECK ((state = 'PENDING') = (due_at IS NOT NULL)),
    CHECK ((state = 'PENDING') = (ended_at IS NULL)),
    CHECK (state = 'PENDING' OR worker_id IS NULL),
    CHECK ((concurrency_key IS NULL) = (concurrency_limit IS NULL))
);
CREATE INDEX queue_event_due ON queue_event (app_id, queue, due_at, position)
    WHERE state = 'PENDING' AND worker_id IS NULL;
CREATE INDEX queue_event_running ON queue_event (app_site_id, concurrency_key)
    WHERE worker_id IS NOT NULL;
CREATE INDEX queue_event_job ON queue_event (app_site_id, job_id);
CREATE INDEX queue_event_of_app ON queue_event (app_id, position);
CREATE INDEX queue_event_ended ON queue_event (ended_at) WHERE ended_at IS NOT NULL;
