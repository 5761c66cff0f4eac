-- name: events_of_transfer
SELECT event_type, count(*) AS created,
       coalesce(sum(attempts), 0)::bigint AS attempts,
       count(*) FILTER (WHERE state = 'DELIVERED') AS delivered,
       count(*) FILTER (WHERE state = 'UNDELIVERED') AS undelivered
FROM message WHERE transfer_id = :transfer_id
GROUP BY event_type
ORDER BY min(position);

-- name: events_not_routed
SELECT data->>'eventType' AS event_type, min(at) AS at FROM timeline
WHERE transfer_id = :transfer_id AND kind = 'message.not_routed'
GROUP BY 1
ORDER BY 2
LIMIT 20;

-- name: messages_in_trouble
-- Undelivered or failing, and not acknowledged; oldest first.
SELECT message_id FROM message
WHERE transfer_id = :transfer_id AND acknowledgement IS NULL
  AND (state = 'UNDELIVERED' OR (state = 'PENDING' AND reason IS NOT NULL))
ORDER BY created_at, position
LIMIT :size;

-- name: oldest_outstanding$
SELECT created_at FROM message
WHERE transfer_id = :transfer_id AND acknowledgement IS NULL
  AND event_type = 'avi:ecosystem.migration:uploaded:app_data'
ORDER BY created_at, position
LIMIT 1;

-- name: last_reports
SELECT kind, max(at) AS at FROM timeline
WHERE transfer_id = :transfer_id AND kind IN ('progress.reported', 'progress.ignored')
GROUP BY kind;

-- name: claim_of_transfer^
-- Silence is measured in real time.
SELECT created_at, claimed_at, claimed_by, claim_confirmed, now() - claim_seen_at AS silence,
       details_removed_at
FROM transfer WHERE transfer_id = :transfer_id;

-- name: returned_unacknowledged
-- Delivered only to functions, all of which returned; found is the total count.
SELECT message_id, coalesce(payload->>'label', payload->>'key', message.event_type) AS file,
       target, left_running, count(*) OVER () AS found
FROM message JOIN attempt USING (message_id)
WHERE transfer_id = :transfer_id AND acknowledgement IS NULL
  AND event_type = 'avi:ecosystem.migration:uploaded:app_data'
  AND attempt.number = message.attempts AND attempt.returned
ORDER BY position
LIMIT :size;

-- name: failed_after_acknowledgement
SELECT message_id, coalesce(payload->>'label', payload->>'key', message.event_type) AS file,
       target, error, error_class, error_message, error_frame, count(*) OVER () AS found
FROM attempt JOIN message USING (message_id)
WHERE attempt.after_acknowledgement AND transfer_id = :transfer_id
ORDER BY position
LIMIT :size;

-- name: running_attempts$
SELECT count(*) FROM message WHERE transfer_id = :transfer_id AND worker_id IS NOT NULL;
