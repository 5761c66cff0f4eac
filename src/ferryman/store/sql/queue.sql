-- name: push_queue_events$
-- Null if the app was never on the site, or what it keeps there is being deleted.
WITH site AS (
    SELECT app_site_id FROM app_site WHERE app_id = :app_id AND site = :site FOR KEY SHARE
), pushed AS (
    INSERT INTO queue_event (
        queue_event_id, app_site_id, app_id, queue, job_id, body, delay_seconds,
        concurrency_key, concurrency_limit, chain, state, pushed_at, due_at)
    SELECT given.queue_event_id, app_site_id, :app_id, :queue, :job_id, given.body,
        given.delay_seconds, given.concurrency_key, given.concurrency_limit, :chain, 'PENDING',
        :now, CAST(:now AS timestamptz) + make_interval(secs => coalesce(given.delay_seconds, 0))
    FROM site CROSS JOIN unnest(
        CAST(:ids AS uuid[]), CAST(:bodies AS bytea[]), CAST(:delays AS double precision[]),
        CAST(:keys AS text[]), CAST(:limits AS integer[])
    ) WITH ORDINALITY
        AS given (queue_event_id, body, delay_seconds, concurrency_key, concurrency_limit, number)
    ORDER BY given.number
    RETURNING 1
), told AS (SELECT pg_notify('ferryman_due', 'queue') FROM site)
SELECT (SELECT count(*) FROM pushed) FROM told;

-- name: due_queues
-- One row per queue with events to deliver, and when the first is due. The index is read once per
-- queue, however many events wait in it. Those of a suspended app wait until it is resumed.
WITH RECURSIVE queue AS (
    (SELECT app_id, queue, due_at FROM queue_event
     WHERE state = 'PENDING' AND worker_id IS NULL
     ORDER BY app_id, queue, due_at
     LIMIT 1)
    UNION ALL
    SELECT next.app_id, next.queue, next.due_at
    FROM queue CROSS JOIN LATERAL (
        SELECT app_id, queue_event.queue, due_at FROM queue_event
        WHERE state = 'PENDING' AND worker_id IS NULL
          AND (app_id, queue_event.queue) > (queue.app_id, queue.queue)
        ORDER BY app_id, queue_event.queue, due_at
        LIMIT 1) next
)
SELECT app_id, queue, due_at FROM queue JOIN app USING (app_id)
WHERE app.suspended_at IS NULL AND app.removed_at IS NULL;

-- name: hold_queue_claims!
-- One claim at a time: otherwise two could each find a place that a concurrency limit has once.
SELECT pg_advisory_xact_lock(7302114905);

-- name: claim_queue_events
-- Up to the free places of each queue, longest due first, and no more of a concurrency key than its
-- limit. Nothing for a worker that others take for dead. If all of the first events with keys wait
-- for theirs, the first events of other keys are looked for key by key, so that however many wait
-- for one key, they are not read.
WITH wanted AS (
    SELECT * FROM unnest(
        CAST(:app_ids AS uuid[]), CAST(:queues AS text[]), CAST(:quotas AS integer[])
    ) AS lane (app_id, queue, quota)
), busy AS MATERIALIZED (
    SELECT app_site_id, concurrency_key, count(*) AS running FROM queue_event
    WHERE worker_id IS NOT NULL AND concurrency_key IS NOT NULL
    GROUP BY app_site_id, concurrency_key
), due AS (
    SELECT found.queue_event_id FROM wanted CROSS JOIN LATERAL (
        WITH RECURSIVE first AS MATERIALIZED (
            SELECT queue_event_id, app_site_id, concurrency_key, concurrency_limit, due_at,
                position
            FROM queue_event
            WHERE app_id = wanted.app_id AND queue = wanted.queue AND state = 'PENDING'
              AND worker_id IS NULL AND due_at <= :now
            ORDER BY due_at, position
            LIMIT 100
        ), near AS MATERIALIZED (
            SELECT queue_event_id, due_at, position
            FROM first LEFT JOIN busy USING (app_site_id, concurrency_key)
            WHERE concurrency_key IS NULL OR concurrency_limit > coalesce(running, 0)
            ORDER BY due_at, position
            LIMIT wanted.quota
        ), waits_for_keys AS MATERIALIZED (
            SELECT (SELECT count(*) FROM near) < wanted.quota
                AND (SELECT count(*) FROM first) = 100 AS so
        ), lane_key AS (
            (SELECT app_site_id, concurrency_key FROM queue_event
             WHERE (SELECT so FROM waits_for_keys)
               AND app_id = wanted.app_id AND queue = wanted.queue AND state = 'PENDING'
               AND worker_id IS NULL AND concurrency_key IS NOT NULL
             ORDER BY app_site_id, concurrency_key
             LIMIT 1)
            UNION ALL
            SELECT next.app_site_id, next.concurrency_key
            FROM lane_key CROSS JOIN LATERAL (
                SELECT event.app_site_id, event.concurrency_key FROM queue_event event
                WHERE event.app_id = wanted.app_id AND event.queue = wanted.queue
                  AND event.state = 'PENDING' AND event.worker_id IS NULL
                  AND event.concurrency_key IS NOT NULL
                  AND (event.app_site_id, event.concurrency_key)
                    > (lane_key.app_site_id, lane_key.concurrency_key)
                ORDER BY event.app_site_id, event.concurrency_key
                LIMIT 1) next
        )
        SELECT queue_event_id, due_at, position FROM near
        UNION
        (SELECT queue_event_id, due_at, position FROM queue_event
         WHERE (SELECT so FROM waits_for_keys)
           AND app_id = wanted.app_id AND queue = wanted.queue AND state = 'PENDING'
           AND worker_id IS NULL AND concurrency_key IS NULL AND due_at <= :now
         ORDER BY due_at, position
         LIMIT wanted.quota)
        UNION
        (SELECT head.queue_event_id, head.due_at, head.position
         FROM (SELECT * FROM lane_key LIMIT 1000) AS each_key
         LEFT JOIN busy USING (app_site_id, concurrency_key)
         CROSS JOIN LATERAL (
            SELECT event.queue_event_id, event.due_at, event.position, event.concurrency_limit
            FROM queue_event event
            WHERE event.app_id = wanted.app_id AND event.queue = wanted.queue
              AND event.app_site_id = each_key.app_site_id
              AND event.concurrency_key = each_key.concurrency_key
              AND event.state = 'PENDING' AND event.worker_id IS NULL AND event.due_at <= :now
            ORDER BY event.due_at, event.position
            LIMIT wanted.quota) head
         WHERE head.concurrency_limit > coalesce(busy.running, 0))
        ORDER BY due_at, position
        LIMIT wanted.quota) found
), held AS (
    SELECT event.queue_event_id, event.app_site_id, event.concurrency_key,
        event.concurrency_limit, event.due_at, event.position
    FROM queue_event event
    WHERE event.queue_event_id = ANY(ARRAY(SELECT queue_event_id FROM due))
      AND event.state = 'PENDING' AND event.worker_id IS NULL
    FOR UPDATE SKIP LOCKED
), ranked AS (
    SELECT held.*, coalesce(running, 0) AS running, row_number() OVER (
        PARTITION BY app_site_id, concurrency_key ORDER BY due_at, position) AS rank
    FROM held LEFT JOIN busy USING (app_site_id, concurrency_key)
)
UPDATE queue_event SET worker_id = :worker_id, claimed_at = :now, attempts = attempts + 1
FROM app_site
WHERE app_site.app_site_id = queue_event.app_site_id
  AND queue_event_id = ANY(ARRAY(
    SELECT queue_event_id FROM ranked
    WHERE concurrency_key IS NULL OR running + rank <= concurrency_limit))
  AND EXISTS (SELECT FROM worker WHERE worker_id = :worker_id)
RETURNING queue_event_id, queue_event.app_id, site, queue, job_id, body, delay_seconds,
    concurrency_key, concurrency_limit, chain, attempts, retry_count, retry_context, pushed_at;

-- name: lock_queue_events
SELECT queue_event_id, worker_id, attempts, cancelled, pushed_at, concurrency_key, retry_context
FROM queue_event
WHERE queue_event_id = ANY(:ids)
ORDER BY queue_event_id
FOR UPDATE;

-- name: save_queue_event!
-- The body goes once it is of no use, so that it takes no room.
UPDATE queue_event SET state = :state, due_at = :due, ended_at = :ended, worker_id = NULL,
    body = CASE WHEN CAST(:state AS text) = 'PENDING' THEN body ELSE '' END,
    claimed_at = NULL, cause = :cause, error = :error, duration_ms = :duration,
    retry_count = retry_count + :asked, retry_context = :context
WHERE queue_event_id = :id;

-- name: release_queue_event!
-- It was not begun; it is due again under the same attempt number.
UPDATE queue_event SET worker_id = NULL, claimed_at = NULL, attempts = attempts - 1
WHERE queue_event_id = :id AND worker_id = :worker_id AND attempts = :number;

-- name: orphaned_queue_events
-- Claimed by a worker that is gone, or by this one without its knowledge.
SELECT queue_event_id, attempts FROM queue_event
WHERE worker_id IS NOT NULL AND (
    NOT EXISTS (SELECT FROM worker WHERE worker.worker_id = queue_event.worker_id)
    OR (worker_id = :worker_id AND NOT queue_event_id = ANY(CAST(:held AS uuid[]))))
LIMIT :size;

-- name: notify_queues!
SELECT pg_notify('ferryman_due', 'queue');

-- name: queue_events_in_flight$
SELECT count(*) FROM queue_event WHERE worker_id IS NOT NULL;

-- name: job_stats^
SELECT count(*) AS events,
    count(*) FILTER (WHERE state = 'DONE') AS success,
    count(*) FILTER (WHERE state = 'PENDING') AS in_progress,
    count(*) FILTER (WHERE state = 'FAILED') AS failed
FROM queue_event JOIN app_site USING (app_site_id)
WHERE app_site.app_id = :app_id AND site = :site AND job_id = :job_id AND queue = :queue;

-- name: cancel_job$
-- What runs is not stopped, but not repeated either. Returns how many events the job has.
WITH chosen AS (
    SELECT queue_event_id, state, worker_id FROM queue_event JOIN app_site USING (app_site_id)
    WHERE app_site.app_id = :app_id AND site = :site AND job_id = :job_id AND queue = :queue
    ORDER BY queue_event_id
    FOR UPDATE OF queue_event
), stopped AS (
    UPDATE queue_event SET cancelled = true,
        state = CASE WHEN worker_id IS NULL THEN 'CANCELLED' ELSE state END,
        due_at = CASE WHEN worker_id IS NULL THEN NULL ELSE due_at END,
        ended_at = CASE WHEN worker_id IS NULL THEN CAST(:now AS timestamptz) END,
        body = CASE WHEN worker_id IS NULL THEN '' ELSE body END
    WHERE queue_event_id IN (SELECT queue_event_id FROM chosen WHERE state = 'PENDING')
)
SELECT count(*) FROM chosen;

-- name: page_of_queue_events
-- Newest first.
SELECT position, queue_event_id, site, queue, job_id, state,
    concurrency_key, concurrency_limit, attempts, worker_id IS NOT NULL AS running, pushed_at,
    due_at, ended_at, cause, error, duration_ms
FROM queue_event JOIN app_site USING (app_site_id)
WHERE queue_event.app_id = :app_id
  AND (CAST(:before AS bigint) IS NULL OR position < :before)
  AND (CAST(:queue AS text) IS NULL OR queue = :queue)
  AND (CAST(:job_id AS text) IS NULL OR job_id = :job_id)
  AND (CAST(:state AS text) IS NULL OR state = :state)
ORDER BY queue_event.app_id DESC, position DESC
LIMIT :size;

-- name: purge_queue_events$
WITH gone AS (
    DELETE FROM queue_event WHERE queue_event_id = ANY(ARRAY(
        SELECT queue_event_id FROM queue_event WHERE app_site_id = ANY(:app_site_ids)
        ORDER BY queue_event_id
        LIMIT :size
        FOR UPDATE))
    RETURNING 1)
SELECT count(*) FROM gone;

-- name: remove_ended_queue_events$
WITH gone AS (
    DELETE FROM queue_event WHERE queue_event_id = ANY(ARRAY(
        SELECT queue_event_id FROM queue_event WHERE ended_at <= :before
        LIMIT :size
        FOR UPDATE SKIP LOCKED))
    RETURNING 1)
SELECT count(*) FROM gone;
