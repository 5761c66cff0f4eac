-- Claims of queues whose first events all wait for a concurrency key find others without reading
-- all that wait (ADR 89).
CREATE INDEX queue_event_keyless ON queue_event (app_id, queue, due_at, position)
    WHERE state = 'PENDING' AND worker_id IS NULL AND concurrency_key IS NULL;
CREATE INDEX queue_event_keyed
    ON queue_event (app_id, queue, app_site_id, concurrency_key, due_at, position)
    WHERE state = 'PENDING' AND worker_id IS NULL AND concurrency_key IS NOT NULL;
