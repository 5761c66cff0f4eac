-- name: insert_messages!
-- Notifies the workers on commit, and writes the entries of the timeline. Messages of a paused
-- transfer have no time: they are held.
WITH added AS (
    INSERT INTO message (message_id, transfer_id, app_id, event_type, payload, state, reason,
                         allowed, created_at, next_attempt_at, trace)
    SELECT event.message_id, :transfer_id, :app_id, :event_type, event.payload,
           CASE WHEN CAST(:reason AS text) IS NULL THEN 'PENDING' ELSE 'UNDELIVERED' END,
           :reason, :allowed, :now,
           CASE WHEN CAST(:reason AS text) IS NULL AND NOT :held
               THEN CAST(:now AS timestamptz) END, :trace
    FROM unnest(CAST(:message_ids AS uuid[]), CAST(:payloads AS jsonb[]))
        WITH ORDINALITY AS event (message_id, payload, place)
    ORDER BY place
    RETURNING app_id, event_type, state),
logged AS (
    INSERT INTO timeline (transfer_id, at, kind, data)
    SELECT :transfer_id, :now, 'message.created', data
    FROM unnest(CAST(:entries AS jsonb[])) WITH ORDINALITY AS entry (data, place)
    ORDER BY place)
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

-- name: transfers_with_messages
-- Transfers, and what acknowledgements of some of their messages are decided by; nothing is locked.
-- The row version tells whether a transfer has changed since. Lists are given by subqueries: where
-- PostgreSQL knows how long they are, it plans each call again, which takes longer than the call.
-- Each row is looked up alone, so that the plan made for small tables is right for large ones.
WITH found AS MATERIALIZED (
    SELECT transfer_id, array_agg(message_id) AS message_ids,
           array_agg(event_type) AS event_types,
           array_agg(acknowledgement IS NOT NULL) AS acknowledged
    FROM unnest((SELECT CAST(:message_ids AS uuid[]))) AS asked (id)
    CROSS JOIN LATERAL (SELECT * FROM message WHERE message_id = asked.id LIMIT 1) AS message
    GROUP BY transfer_id)
SELECT transfer_id, app_id, wake_at, row_version,
       found.message_ids, found.event_types, found.acknowledged,
       (SELECT kind FROM app WHERE app.app_id = transfer.app_id) AS kind,
       (SELECT cloud_url FROM migration JOIN migration_scope USING (migration_scope_id)
        WHERE migration.migration_id = transfer.migration_id) AS cloud_url,
       status, window_seconds, started_at, last_upload_at, last_success_at, export_completed_at,
       returned_at, cancel_requested_at, settled_at, paused_at, granted_at, life_added,
       listener_errored, heartbeats, files, succeeded, failed, progress
FROM unnest((SELECT CAST(:transfer_ids AS uuid[]))) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT *, CAST(xmin AS text) AS row_version FROM transfer WHERE transfer_id = wanted.id LIMIT 1
) AS transfer
LEFT JOIN found USING (transfer_id);

-- name: acknowledge_unchanged
-- Like acknowledge_messages and save_transfer, for transfers that are still of their row version,
-- held by nobody, and have so many of the messages, and events of files among them, without an
-- acknowledgement: returns those and their new row version. Messages are locked in the order of
-- their ids. Lists are given, and rows looked up, as for transfers_with_messages.
WITH free AS (
    SELECT given.*
    FROM unnest(
        (SELECT CAST(:transfer_ids AS uuid[])), CAST(:row_versions AS text[]),
        CAST(:succeeded AS integer[]), CAST(:failed AS integer[]),
        CAST(:progress AS integer[]), CAST(:last_success_at AS timestamptz[]),
        CAST(:messages AS integer[]), CAST(:files AS integer[])
    ) AS given (id, row_version, new_succeeded, new_failed, new_progress, new_success_at,
                messages, files)
    CROSS JOIN LATERAL (
        SELECT FROM transfer
        WHERE transfer_id = given.id AND xmin = CAST(given.row_version AS xid)
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS unchanged
), held AS MATERIALIZED (
    -- The count makes sure that all transfers are locked before.
    SELECT message.*, given.status
    FROM (
        SELECT * FROM unnest((SELECT CAST(:message_ids AS uuid[])), CAST(:statuses AS text[]))
            AS given (id, status)
        ORDER BY id
    ) AS given
    CROSS JOIN LATERAL (
        SELECT message_id, transfer_id, event_type, acknowledgement AS earlier FROM message
        WHERE message_id = given.id AND (SELECT count(*) FROM free) > 0
        FOR UPDATE
    ) AS message
), expected AS MATERIALIZED (
    SELECT free.* FROM free JOIN (
        SELECT transfer_id, count(*) AS messages,
               count(*) FILTER (WHERE event_type = :uploaded) AS files
        FROM held WHERE earlier IS NULL
        GROUP BY transfer_id
    ) AS found ON found.transfer_id = free.id
    WHERE found.messages = free.messages AND found.files = free.files
), moved AS (
    UPDATE transfer SET succeeded = new_succeeded, failed = new_failed, progress = new_progress,
        last_success_at = new_success_at
    FROM expected WHERE transfer.transfer_id = expected.id
    RETURNING transfer.transfer_id, CAST(transfer.xmin AS text) AS row_version
), acknowledged AS MATERIALIZED (
    SELECT message_id, transfer_id, status FROM held JOIN moved USING (transfer_id)
    WHERE earlier IS NULL
), logged AS (
    INSERT INTO timeline (transfer_id, at, kind, data)
    SELECT transfer_id, :now, 'message.acknowledged',
        jsonb_build_object('messageId', message_id, 'status', status)
    FROM acknowledged
), marked AS (
    UPDATE message SET acknowledgement = status, acknowledged_at = :now, next_attempt_at = NULL,
        state = CASE WHEN state = 'PENDING' AND worker_id IS NULL THEN 'DELIVERED' ELSE state END
    FROM acknowledged WHERE message.message_id = acknowledged.message_id
)
SELECT transfer_id, row_version FROM moved;

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

-- name: lock_waiting_messages!
-- Sorted by id, like every statement that locks messages. Includes those that are being sent: what
-- records their attempts looks after it has them whether they are held.
SELECT FROM message WHERE transfer_id = :transfer_id AND state = 'PENDING'
ORDER BY message_id
FOR UPDATE;

-- name: hold_messages!
UPDATE message SET next_attempt_at = NULL
WHERE transfer_id = :transfer_id AND state = 'PENDING' AND next_attempt_at IS NOT NULL;

-- name: release_messages!
-- Those that are being sent too: a worker may give such a claim back.
UPDATE message SET next_attempt_at = :now, reason = NULL
WHERE transfer_id = :transfer_id AND state = 'PENDING'
    AND next_attempt_at IS NULL AND acknowledgement IS NULL;

-- name: message_reached!
UPDATE message SET reached = reached || CAST(:urls AS text[]) WHERE message_id = :message_id;

-- name: outstanding_messages
SELECT message_id FROM message
WHERE transfer_id = :transfer_id AND acknowledgement IS NULL
  AND event_type = 'avi:ecosystem.migration:uploaded:app_data'
ORDER BY created_at, position
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
    UPDATE message SET state = 'PENDING', reason = NULL, worker_id = NULL,
        next_attempt_at = CASE WHEN NOT EXISTS (
            SELECT FROM transfer
            WHERE transfer.transfer_id = message.transfer_id AND paused_at IS NOT NULL) THEN CAST(:now AS timestamptz) END,
        earlier = attempts, allowed = attempts + CAST(:more AS integer), reached = '{}',
        retry_count = 0, retry_context = NULL
    WHERE message_id = :message_id
    RETURNING app_id, event_type)
SELECT pg_notify('ferryman_due', app_id || ' ' || event_type) FROM again;

