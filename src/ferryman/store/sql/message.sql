-- name: insert_messages!
-- Notifies the workers on commit.
WITH added AS (
    INSERT INTO message (message_id, transfer_id, app_id, event_type, payload, state, reason,
                         allowed, created_at, next_attempt_at, trace)
    SELECT event.message_id, :transfer_id, :app_id, :event_type, event.payload,
           CASE WHEN CAST(:reason AS text) IS NULL THEN 'PENDING' ELSE 'UNDELIVERED' END,
           :reason, :allowed, :now,
           CASE WHEN CAST(:reason AS text) IS NULL THEN CAST(:now AS timestamptz) END, :trace
    FROM unnest(CAST(:message_ids AS uuid[]), CAST(:payloads AS jsonb[]))
        WITH ORDINALITY AS event (message_id, payload, place)
    ORDER BY place
    RETURNING app_id, event_type, state)
SELECT pg_notify('ferryman_due', app_id || ' ' || event_type) FROM added
WHERE state = 'PENDING'
LIMIT 1;

-- name: lock_message^
SELECT * FROM message WHERE message_id = :message_id FOR UPDATE;

-- name: lock_messages_of
-- Sorted by id, so that two calls for the same messages cannot deadlock.
SELECT * FROM message
WHERE transfer_id = :transfer_id AND message_id = ANY(:message_ids)
ORDER BY message_id
FOR UPDATE;

-- name: acknowledge_messages!
-- An acknowledged message need not be delivered any more. A running attempt just finishes.
WITH logged AS (
    INSERT INTO timeline (transfer_id, at, kind, data)
    SELECT :transfer_id, :now, 'message.acknowledged',
        jsonb_build_object('messageId', message_id, 'status', CAST(:status AS text))
    FROM unnest(CAST(:message_ids AS uuid[])) AS message_id)
UPDATE message SET acknowledgement = :status, acknowledged_at = :now, next_attempt_at = NULL,
    state = CASE WHEN state = 'PENDING' AND worker_id IS NULL THEN 'DELIVERED' ELSE state END
WHERE message_id = ANY(:message_ids);

-- name: give_up_app_data
-- A settled transfer delivers no more app-data events; they become visibly undelivered. Sorted by
-- id, like every statement that locks messages.
UPDATE message SET state = 'UNDELIVERED', reason = :reason, next_attempt_at = NULL
WHERE message_id IN (
    SELECT message_id FROM message
    WHERE transfer_id = :transfer_id AND state = 'PENDING'
      AND event_type = 'avi:ecosystem.migration:uploaded:app_data' AND acknowledgement IS NULL
    ORDER BY message_id
    FOR UPDATE)
RETURNING message_id;

-- name: give_up_all_but_settled
UPDATE message SET state = 'UNDELIVERED', reason = :reason, next_attempt_at = NULL
WHERE message_id IN (
    SELECT message_id FROM message
    WHERE transfer_id = :transfer_id AND state = 'PENDING'
      AND event_type <> 'avi:ecosystem.migration:settled:transfer'
    ORDER BY message_id
    FOR UPDATE)
RETURNING message_id;

-- name: message_reached!
UPDATE message SET reached = reached || CAST(:urls AS text[]) WHERE message_id = :message_id;

-- name: outstanding_messages
SELECT message_id FROM message
WHERE transfer_id = :transfer_id AND acknowledgement IS NULL
  AND event_type = 'avi:ecosystem.migration:uploaded:app_data'
ORDER BY position
LIMIT :size;

-- name: message_by_id^
SELECT * FROM message WHERE message_id = :message_id;

-- name: message_page
-- Every filter may be null. NONE matches messages that are not acknowledged.
SELECT * FROM message
WHERE transfer_id = :transfer_id AND position > :after
    AND (CAST(:state AS text) IS NULL OR state = :state)
    AND (CAST(:acknowledgement AS text) IS NULL
        OR coalesce(acknowledgement, 'NONE') = :acknowledgement)
ORDER BY position
LIMIT :size;

-- name: attempts_of
SELECT * FROM attempt WHERE message_id = ANY(:message_ids) ORDER BY message_id, number;

-- name: reset_message!
-- Redelivery by hand: the message starts over under the same id and keeps its recorded attempts.
WITH again AS (
    UPDATE message SET state = 'PENDING', reason = NULL, next_attempt_at = :now, worker_id = NULL,
        earlier = attempts, allowed = attempts + CAST(:more AS integer), reached = '{}',
        retry_count = 0, retry_context = NULL
    WHERE message_id = :message_id
    RETURNING app_id, event_type)
SELECT pg_notify('ferryman_due', app_id || ' ' || event_type) FROM again;

