-- name: record_worker$
-- A worker that is alive keeps its claims; one whose row was removed meanwhile goes on being drained.
-- Until it is idle, its drain is no earlier than its last heartbeat.
INSERT INTO worker (worker_id, seen_at, metrics, host, pid, version, started_at, draining_since)
VALUES (:worker_id, now(), :metrics, :host, :pid, :version, now(), :draining_since)
ON CONFLICT (worker_id) DO UPDATE SET seen_at = now(), metrics = excluded.metrics,
    host = excluded.host, pid = excluded.pid, version = excluded.version,
    started_at = coalesce(worker.started_at, excluded.started_at),
    draining_since = CASE
        WHEN worker.draining_since IS NULL THEN NULL
        WHEN CAST(:idle AS boolean)
            THEN least(excluded.draining_since, now() - interval '1 microsecond')
        ELSE greatest(worker.draining_since, now()) END
RETURNING draining_since;

-- name: list_workers
-- By their start; how many messages and events of queues each holds.
SELECT worker_id, host, pid, version, started_at, seen_at, draining_since, error, failing_since,
    seen_at > now() - CAST(:silence AS interval) AND seen_at < now() + CAST(:silence AS interval)
        AS heard,
    (SELECT count(*) FROM message WHERE message.worker_id = worker.worker_id)
        + (SELECT count(*) FROM queue_event WHERE queue_event.worker_id = worker.worker_id) AS held
FROM worker
WHERE CAST(:only AS uuid) IS NULL OR worker_id = :only
ORDER BY started_at NULLS FIRST, worker_id;

-- name: drain_worker!
-- No earlier than a heartbeat that committed while this waited: that one told nothing of it.
UPDATE worker SET draining_since =
    CASE WHEN CAST(:draining AS boolean)
        THEN coalesce(draining_since, greatest(now(), seen_at)) END
WHERE worker_id = :worker_id;

-- name: remove_worker!
DELETE FROM worker WHERE worker_id = :worker_id;

-- name: worker_heartbeats
SELECT worker_id, seen_at FROM worker;

-- name: remove_silent_workers!
-- Unless it was heard of again meanwhile. One that stopped in the middle of a heartbeat holds its row
-- until its session ends; others must not wait for that, since they would fall silent themselves.
DELETE FROM worker WHERE worker_id IN (
    SELECT worker.worker_id FROM worker
    JOIN unnest(CAST(:worker_ids AS uuid[]), CAST(:seen AS timestamptz[]))
        AS silent (worker_id, seen_at) USING (worker_id, seen_at)
    FOR UPDATE OF worker SKIP LOCKED);

-- name: orphaned_messages
-- Claimed by a worker that is gone, so nobody else will report the attempt's outcome. What is claimed
-- comes from its own index: looked for in the order of ids, it would take reading all messages.
WITH claimed AS MATERIALIZED (
    SELECT message_id, worker_id FROM message WHERE worker_id IS NOT NULL)
SELECT * FROM message
WHERE message_id = ANY(ARRAY(
        SELECT message_id FROM claimed
        WHERE NOT EXISTS (SELECT FROM worker WHERE worker.worker_id = claimed.worker_id)
        ORDER BY message_id
        LIMIT :size))
  AND worker_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM worker WHERE worker.worker_id = message.worker_id)
ORDER BY message_id
FOR UPDATE SKIP LOCKED;

-- name: report_worker_error!
-- Sets or clears the worker's error; either way it is alive, but learns nothing of a drain.
INSERT INTO worker (worker_id, seen_at, error, failing_since)
VALUES (:worker_id, now(), :error, CASE WHEN CAST(:error AS text) IS NOT NULL THEN CAST(:now AS timestamptz) END)
ON CONFLICT (worker_id) DO UPDATE SET seen_at = now(), error = excluded.error,
    draining_since = CASE WHEN worker.draining_since IS NOT NULL
        THEN greatest(worker.draining_since, now()) END,
    failing_since = CASE WHEN excluded.error IS NOT NULL
        THEN coalesce(worker.failing_since, excluded.failing_since) END;

-- name: workers_alive
SELECT worker_id, error, failing_since, draining_since FROM worker
-- One of the future was written before the clock was set back.
WHERE seen_at > now() - CAST(:silence AS interval)
    AND seen_at < now() + CAST(:silence AS interval)
ORDER BY failing_since, worker_id;

-- name: unheld_messages
-- Sorted by id, like every statement that locks messages.
SELECT * FROM message
WHERE worker_id = :worker_id AND NOT message_id = ANY(CAST(:held AS uuid[]))
ORDER BY message_id
FOR UPDATE;

-- name: release_message!
-- A message acknowledged while it was claimed is done, so it is not queued again.
UPDATE message SET worker_id = NULL, attempts = attempts - 1,
    state = CASE WHEN state = 'PENDING' AND acknowledgement IS NOT NULL THEN 'DELIVERED'
        ELSE state END
WHERE message_id = :message_id AND worker_id = :worker_id AND attempts = :number;
