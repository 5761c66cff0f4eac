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
SELECT 'sweeps due', count(*), NULL FROM sweep WHERE due_at <= :now;
