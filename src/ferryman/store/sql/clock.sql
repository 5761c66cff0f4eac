-- name: read_clock^
SELECT time_offset, frozen_at FROM clock;

-- name: move_clock!
-- Adding to a null frozen_at leaves it null, so a running clock stays running.
UPDATE clock SET time_offset = time_offset + :step, frozen_at = frozen_at + :step;

-- name: freeze_clock!
UPDATE clock SET frozen_at = :at;

-- name: resume_clock!
-- Time continues from where it was frozen.
UPDATE clock SET time_offset = :offset, frozen_at = NULL;

-- name: count_start^
-- If there are apps already, their rows hold times that the clock must not go back behind.
UPDATE clock SET starts = starts + 1
RETURNING starts, (SELECT EXISTS (SELECT FROM app)) AS used;

-- name: due_work
-- What a moved clock waits for, by kind, with one id of each.
SELECT 'messages being sent' AS kind, count(*) AS count, min(message_id::text) AS example
FROM message WHERE worker_id IS NOT NULL
UNION ALL
SELECT 'messages due', count(*), min(message_id::text)
FROM message JOIN unnest(CAST(:app_ids AS uuid[]), CAST(:event_types AS text[]))
    AS lane (app_id, event_type) USING (app_id, event_type)
WHERE state = 'PENDING' AND worker_id IS NULL AND next_attempt_at <= :now
UNION ALL
SELECT 'timers of transfers due', count(*), min(transfer_id::text)
FROM transfer WHERE wake_at <= :now
UNION ALL
SELECT 'events of queues due', count(*), min(queue_event_id::text)
FROM queue_event WHERE state = 'PENDING' AND due_at <= :now
UNION ALL
SELECT 'sweeps due', count(*), NULL FROM sweep WHERE due_at <= :now;

-- name: hold_clock!
-- The first hold counts: time has stood still for transfers since then.
UPDATE clock SET held_since = coalesce(held_since, :since);

-- name: end_hold$
-- Locks the row, so that one of several processes that start gives the time back.
WITH held AS (SELECT held_since FROM clock WHERE held_since IS NOT NULL FOR UPDATE)
UPDATE clock SET held_since = NULL FROM held RETURNING held.held_since;

-- name: give_back_time!
-- Running transfers get the time that passed. The start also bounds a transfer's life: it moves
-- only where nothing else moves the deadline. What is READY has only the time that somebody chose
-- for the start.
UPDATE transfer SET
    started_at = CASE WHEN last_upload_at IS NULL AND last_success_at IS NULL
        THEN started_at + :passed ELSE started_at END,
    last_upload_at = last_upload_at + :passed,
    last_success_at = last_success_at + :passed,
    granted_at = granted_at + :passed,
    cancel_requested_at = cancel_requested_at + :passed,
    wake_at = wake_at + :passed
WHERE wake_at IS NOT NULL AND settled_at IS NULL AND status <> 'READY';
