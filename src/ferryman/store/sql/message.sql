-- name: insert_message!
INSERT INTO message (message_id, transfer_id, app_id, event_type, payload, state, allowed,
                     created_at, next_attempt_at)
VALUES (:message_id, :transfer_id, :app_id, :event_type, :payload, 'PENDING', :allowed, :now, :now);

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
UPDATE message SET acknowledgement = :status, acknowledged_at = :now, next_attempt_at = NULL,
    state = CASE WHEN state = 'PENDING' AND NOT open_attempt THEN 'DELIVERED' ELSE state END
WHERE message_id = ANY(:message_ids);

-- name: save_message!
UPDATE message SET state = :state, lane = :lane, reason = :reason, attempts = :attempts,
    open_attempt = :open_attempt, next_attempt_at = :next_attempt_at
WHERE message_id = :message_id;

-- name: insert_attempt!
INSERT INTO attempt (message_id, number, target, started_at, outcome)
VALUES (:message_id, :number, :target, :now, 'RUNNING');

-- name: finish_attempt!
UPDATE attempt SET outcome = :outcome, duration_ms = :duration_ms, stage = :stage,
    status = :status, error = :error, output = :output
WHERE message_id = :message_id AND number = :number AND outcome IN ('RUNNING', 'LOST');

-- name: lose_attempt!
UPDATE attempt SET outcome = 'LOST', error = :error
WHERE message_id = :message_id AND number = :number AND outcome = 'RUNNING';

-- name: give_up_app_data
-- A settled transfer owes no app data events any more; they are given up visibly.
UPDATE message SET state = 'UNDELIVERED', reason = :reason, next_attempt_at = NULL
WHERE transfer_id = :transfer_id AND state = 'PENDING'
  AND event_type = 'avi:ecosystem.migration:uploaded:app_data' AND acknowledgement IS NULL
RETURNING message_id;

-- name: give_up_all_but_settled
UPDATE message SET state = 'UNDELIVERED', reason = :reason, next_attempt_at = NULL
WHERE transfer_id = :transfer_id AND state = 'PENDING'
  AND event_type <> 'avi:ecosystem.migration:settled:transfer'
RETURNING message_id;

-- name: park_message!
-- No job and no due time: registering an address, or the end of the transfer, moves it on.
UPDATE message SET lane = 'PARKED', reason = :reason, next_attempt_at = NULL
WHERE message_id = :message_id;

-- name: unpark_messages!
UPDATE message SET lane = 'WAITING', reason = NULL, next_attempt_at = :now
WHERE app_id = :app_id AND state = 'PENDING' AND lane = 'PARKED';

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
UPDATE message SET state = 'PENDING', lane = 'WAITING', reason = NULL, next_attempt_at = :now,
    open_attempt = false, earlier = attempts, allowed = attempts + CAST(:more AS integer),
    reached = '{}'
WHERE message_id = :message_id;

-- name: give_up_message!
UPDATE message SET state = 'UNDELIVERED', reason = :reason, next_attempt_at = NULL
WHERE message_id = :message_id;

-- name: release_messages
-- Fair shares: of each app only so many messages are in the queue at a time, the oldest first.
UPDATE message SET lane = 'RELEASED' WHERE message_id IN (
    SELECT message_id FROM message
    WHERE app_id = :app_id AND state = 'PENDING' AND lane = 'WAITING'
    ORDER BY position
    LIMIT greatest(0, :window - (
        SELECT count(*) FROM message
        WHERE app_id = :app_id AND state = 'PENDING' AND lane = 'RELEASED'))
    FOR UPDATE SKIP LOCKED)
RETURNING message_id, attempts;

-- name: released_count$
SELECT count(*) FROM message
WHERE app_id = :app_id AND state = 'PENDING' AND lane = 'RELEASED';

-- name: set_lane!
UPDATE message SET lane = :lane WHERE message_id = :message_id;

-- name: apps_with_waiting_messages
SELECT app_id FROM app WHERE EXISTS (
    SELECT FROM message
    WHERE message.app_id = app.app_id AND state = 'PENDING' AND lane = 'WAITING');
