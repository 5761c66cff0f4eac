-- name: due_lanes
-- One row per lane with messages to deliver, and when the first is due. The index is read once
-- per lane, however many messages wait in it.
WITH RECURSIVE lane AS (
    (SELECT app_id, event_type, next_attempt_at FROM message
     WHERE state = 'PENDING' AND worker_id IS NULL
     ORDER BY app_id, event_type, next_attempt_at
     LIMIT 1)
    UNION ALL
    SELECT next.app_id, next.event_type, next.next_attempt_at
    FROM lane CROSS JOIN LATERAL (
        SELECT app_id, event_type, next_attempt_at FROM message
        WHERE state = 'PENDING' AND worker_id IS NULL
          AND (app_id, event_type) > (lane.app_id, lane.event_type)
        ORDER BY app_id, event_type, next_attempt_at
        LIMIT 1) next
)
SELECT lane.app_id, lane.event_type, lane.next_attempt_at, closed.open_until,
    coalesce(closed.tripped, false) AS tripped
FROM lane LEFT JOIN (
    SELECT app_id, unnest(event_types) AS event_type, max(open_until) AS open_until,
        true AS tripped
    FROM breaker WHERE trips > 0
    GROUP BY 1, 2
) closed ON closed.app_id = lane.app_id AND closed.event_type = lane.event_type
WHERE lane.next_attempt_at IS NOT NULL;

-- name: claim_messages
-- Up to the free slots of each lane, longest due first. Messages that another worker or an
-- acknowledgement has locked are skipped.
WITH wanted AS (
    SELECT * FROM unnest(
        CAST(:app_ids AS uuid[]), CAST(:event_types AS text[]), CAST(:quotas AS integer[])
    ) AS lane (app_id, event_type, quota)
), due AS (
    SELECT found.message_id FROM wanted CROSS JOIN LATERAL (
        SELECT message_id FROM message
        WHERE app_id = wanted.app_id AND event_type = wanted.event_type
          AND state = 'PENDING' AND worker_id IS NULL AND next_attempt_at <= :now
        ORDER BY next_attempt_at, position
        LIMIT wanted.quota
        FOR UPDATE SKIP LOCKED) found
)
UPDATE message SET worker_id = :worker_id, claimed_at = :now, attempts = attempts + 1
-- An array, because a join would be planned for far more rows and scan the whole table.
WHERE message_id = ANY(ARRAY(SELECT message_id FROM due))
RETURNING message_id, transfer_id, app_id, event_type, payload, attempts, earlier, reached,
    created_at, trace, retry_count, retry_context;

-- name: lock_messages
-- Sorted by id, so that two transactions that lock the same messages cannot deadlock.
SELECT * FROM message WHERE message_id = ANY(:message_ids) ORDER BY message_id FOR UPDATE;

-- name: save_messages!
UPDATE message SET state = ended.state, reason = ended.reason,
    next_attempt_at = CASE
        WHEN ended.next_attempt_at IS NULL THEN NULL
        -- A pause holds it; whoever resumes it waits for this transaction, or is seen by it.
        WHEN NOT EXISTS (
        SELECT FROM transfer
        WHERE transfer.transfer_id = message.transfer_id AND paused_at IS NOT NULL)
        THEN ended.next_attempt_at END,
    worker_id = CASE WHEN ended.over THEN NULL ELSE message.worker_id END,
    -- Counts only the retries that the function asked for, not other failures.
    retry_count = message.retry_count + CASE WHEN ended.retry IS NULL THEN 0 ELSE 1 END,
    retry_context = coalesce(ended.retry, message.retry_context)
FROM unnest(
    CAST(:message_ids AS uuid[]), CAST(:states AS text[]), CAST(:reasons AS text[]),
    CAST(:due AS timestamptz[]), CAST(:over AS boolean[]), CAST(:retries AS text[])
) AS ended (message_id, state, reason, next_attempt_at, over, retry)
WHERE message.message_id = ended.message_id;

-- name: record_attempts!
-- An attempt recorded as lost gets its outcome if its worker turns out to be alive.
INSERT INTO attempt (message_id, number, target, started_at, outcome, duration_ms, stage, status,
                     error, output, after_acknowledgement, returned, left_running,
                     cause, error_class, error_message, error_frame)
SELECT * FROM unnest(
    CAST(:message_ids AS uuid[]), CAST(:numbers AS integer[]), CAST(:targets AS text[]),
    CAST(:started AS timestamptz[]), CAST(:outcomes AS text[]), CAST(:durations AS integer[]),
    CAST(:stages AS text[]), CAST(:statuses AS integer[]), CAST(:errors AS text[]),
    CAST(:outputs AS text[]), CAST(:late AS boolean[]), CAST(:returned AS boolean[]),
    CAST(:left AS text[]), CAST(:causes AS text[]), CAST(:classes AS text[]),
    CAST(:messages AS text[]), CAST(:frames AS text[]))
ON CONFLICT (message_id, number) DO UPDATE SET
    target = excluded.target, outcome = excluded.outcome, duration_ms = excluded.duration_ms,
    stage = excluded.stage, status = excluded.status, error = excluded.error,
    output = excluded.output, after_acknowledgement = excluded.after_acknowledgement,
    returned = excluded.returned, left_running = excluded.left_running, cause = excluded.cause,
    error_class = excluded.error_class, error_message = excluded.error_message,
    error_frame = excluded.error_frame
WHERE attempt.outcome = 'LOST';

-- name: recorded_attempts
SELECT message_id, number FROM attempt
WHERE outcome <> 'LOST' AND (message_id, number) IN (
    SELECT * FROM unnest(CAST(:message_ids AS uuid[]), CAST(:numbers AS integer[])));

-- name: close_lane
-- The app has no target for these: give up what is due, or park it without a due time.
UPDATE message SET reason = :reason, next_attempt_at = NULL,
    state = CASE WHEN :park AND transfer.settled_at IS NULL THEN 'PENDING' ELSE 'UNDELIVERED' END
FROM transfer
WHERE transfer.transfer_id = message.transfer_id AND message_id IN (
    SELECT message_id FROM message
    WHERE app_id = :app_id AND event_type = :event_type
      AND state = 'PENDING' AND worker_id IS NULL AND next_attempt_at <= :now
    ORDER BY next_attempt_at, position
    LIMIT :size
    FOR UPDATE SKIP LOCKED)
RETURNING message_id, message.transfer_id, state;

-- name: lock_parked_messages!
-- Sorted by id, like every statement that locks messages.
SELECT FROM message
WHERE app_id = :app_id AND state = 'PENDING' AND worker_id IS NULL AND next_attempt_at IS NULL
ORDER BY message_id
FOR UPDATE;

-- name: unpark_messages!
-- What is held by a pause stays so: its lock makes sure that this sees the pause.
UPDATE message SET reason = NULL, next_attempt_at = :now
WHERE app_id = :app_id AND state = 'PENDING' AND worker_id IS NULL AND next_attempt_at IS NULL
    AND NOT EXISTS (
        SELECT FROM transfer
        WHERE transfer.transfer_id = message.transfer_id AND paused_at IS NOT NULL);

-- name: notify_workers!
SELECT pg_notify('ferryman_due', '');

-- name: any_in_flight$
SELECT EXISTS (SELECT FROM message WHERE worker_id IS NOT NULL);

-- name: count_in_flight$
SELECT count(*) FROM message WHERE worker_id IS NOT NULL;
