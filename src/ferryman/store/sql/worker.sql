-- name: see_worker!
-- A worker is alive: what it claimed stays its own.
INSERT INTO worker (worker_id, seen_at, figures) VALUES (:worker_id, now(), :figures)
ON CONFLICT (worker_id) DO UPDATE SET seen_at = now(), figures = excluded.figures;

-- name: forget_worker!
DELETE FROM worker WHERE worker_id = :worker_id;

-- name: forget_silent_workers!
DELETE FROM worker WHERE seen_at < now() - CAST(:silence AS interval);

-- name: orphaned_messages
-- Claimed by a worker that is gone; nobody else will say what came of the attempt.
SELECT * FROM message
WHERE worker_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM worker WHERE worker.worker_id = message.worker_id)
ORDER BY message_id
LIMIT :size
FOR UPDATE SKIP LOCKED;

-- name: tell_of_worker!
-- A worker says what it fails at, or that it no longer does; either way it lives.
INSERT INTO worker (worker_id, seen_at, error, failing_since)
VALUES (:worker_id, now(), :error, CASE WHEN CAST(:error AS text) IS NOT NULL THEN CAST(:now AS timestamptz) END)
ON CONFLICT (worker_id) DO UPDATE SET seen_at = now(), error = excluded.error,
    failing_since = CASE WHEN excluded.error IS NOT NULL
        THEN coalesce(worker.failing_since, excluded.failing_since) END;

-- name: workers_alive
SELECT worker_id, error, failing_since FROM worker
WHERE seen_at > now() - CAST(:silence AS interval)
ORDER BY failing_since, worker_id;

-- name: unheld_messages
-- In the order of ids, as whoever records outcomes locks them.
SELECT * FROM message
WHERE worker_id = :worker_id AND NOT message_id = ANY(CAST(:held AS uuid[]))
ORDER BY message_id
FOR UPDATE;

-- name: give_back_message!
-- An acknowledgement leaves a message that is being sent to whoever sends it.
UPDATE message SET worker_id = NULL, attempts = attempts - 1,
    state = CASE WHEN state = 'PENDING' AND acknowledgement IS NOT NULL THEN 'DELIVERED'
        ELSE state END
WHERE message_id = :message_id AND worker_id = :worker_id AND attempts = :number;
