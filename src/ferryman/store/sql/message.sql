-- name: insert_messages!
-- The workers hear of them when this commits.
WITH owed AS (
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
SELECT pg_notify('ferryman_due', app_id || ' ' || event_type) FROM owed
WHERE state = 'PENDING'
LIMIT 1;

-- name: lock_message^
SELECT * FROM message WHERE message_id = :message_id FOR UPDATE;

-- name: lock_messages_of
-- In the order of ids, so that two calls for the same messages cannot block each other.
SELECT * FROM message
WHERE transfer_id = :transfer_id AND message_id = ANY(:message_ids)
ORDER BY message_id
FOR UPDATE;

-- name: acknowledge_messages!
-- What the app has acknowledged need not be delivered; an attempt that runs ends by itself.
WITH told AS (
    INSERT INTO timeline (transfer_id, at, kind, data)
    SELECT :transfer_id, :now, 'message.acknowledged',
        jsonb_build_object('messageId', message_id, 'status', CAST(:status AS text))
    FROM unnest(CAST(:message_ids AS uuid[])) AS message_id)
UPDATE message SET acknowledgement = :status, acknowledged_at = :now, next_attempt_at = NULL,
    state = CASE WHEN state = 'PENDING' AND worker_id IS NULL THEN 'DELIVERED' ELSE state END
WHERE message_id = ANY(:message_ids);

-- name: give_up_app_data
-- A settled transfer owes no app data events any more; they are given up visibly.
-- In the order of ids, as whoever records outcomes locks them.
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
SELECT * FROM message
WHERE transfer_id = :transfer_id AND position > :after
ORDER BY position
LIMIT :size;

-- name: attempts_of
SELECT * FROM attempt WHERE message_id = ANY(:message_ids) ORDER BY message_id, number;

-- name: reset_message!
-- Redelivery by hand: the message starts anew under the same id, its attempts stay recorded.
WITH again AS (
    UPDATE message SET state = 'PENDING', reason = NULL, next_attempt_at = :now, worker_id = NULL,
        earlier = attempts, allowed = attempts + CAST(:more AS integer), reached = '{}'
    WHERE message_id = :message_id
    RETURNING app_id, event_type)
SELECT pg_notify('ferryman_due', app_id || ' ' || event_type) FROM again;

