-- The message itself is what waits: workers take it from here, not from a job beside it.

CREATE TABLE worker (
    worker_id uuid PRIMARY KEY,
    seen_at timestamptz NOT NULL  -- real time, not the platform's: a worker's life is not moved
);

-- Endpoints that failed last; one that works has no row.
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

ALTER TABLE message ADD COLUMN worker_id uuid, ADD COLUMN claimed_at timestamptz;

-- What is due, by what it may share an address with; next_attempt_at orders each lane.
CREATE INDEX message_due ON message (app_id, event_type, next_attempt_at, position)
    WHERE state = 'PENDING' AND worker_id IS NULL;
CREATE INDEX message_in_flight ON message (worker_id) WHERE worker_id IS NOT NULL;

DROP INDEX message_released, message_waiting;
ALTER TABLE message DROP COLUMN lane, DROP COLUMN open_attempt;

-- Attempts are written when they ended; one that had begun before this is over.
UPDATE message SET next_attempt_at = now() WHERE state = 'PENDING' AND next_attempt_at IS NULL;
UPDATE attempt SET outcome = 'LOST' WHERE outcome = 'RUNNING';
DO $$ BEGIN
    IF to_regclass('pgqueuer') IS NOT NULL THEN
        DELETE FROM pgqueuer WHERE entrypoint = 'deliver';
    END IF;
END $$;
