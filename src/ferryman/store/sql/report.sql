-- name: report_transfers
SELECT transfer.*, app.cloud_app_key, app.environment,
       sent.messages, sent.acknowledged, sent.failed, sent.undelivered, sent.attempts,
       kept.files, kept.bytes AS file_bytes, kept.with_sha256, kept.with_parts, kept.deleted
FROM transfer
JOIN app USING (app_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS messages,
           count(*) FILTER (WHERE acknowledgement = 'SUCCESS') AS acknowledged,
           count(*) FILTER (WHERE acknowledgement = 'FAILED') AS failed,
           count(*) FILTER (WHERE state = 'UNDELIVERED') AS undelivered,
           coalesce(sum(attempts), 0)::bigint AS attempts
    FROM message WHERE message.transfer_id = transfer.transfer_id) sent
CROSS JOIN LATERAL (
    SELECT count(*) AS files, coalesce(sum(size), 0)::bigint AS bytes,
           count(sha256) AS with_sha256,
           count(*) FILTER (WHERE sha256 IS NULL) AS with_parts,
           count(deleted_at) AS deleted
    FROM app_data WHERE app_data.transfer_id = transfer.transfer_id) kept
WHERE migration_id = :migration_id
ORDER BY transfer.created_at, transfer_id;

-- name: report_labels*
SELECT file.transfer_id, file.label, count(*) AS files, sum(file.size)::bigint AS bytes,
       count(*) FILTER (WHERE acknowledgement = 'SUCCESS') AS acknowledged,
       count(*) FILTER (WHERE acknowledgement = 'FAILED') AS failed,
       count(*) FILTER (WHERE message.state = 'UNDELIVERED') AS undelivered,
       count(file.deleted_at) AS deleted
FROM transfer
JOIN app_data file USING (transfer_id)
LEFT JOIN message USING (message_id)
WHERE migration_id = :migration_id
GROUP BY transfer.created_at, file.transfer_id, file.label
ORDER BY transfer.created_at, file.transfer_id, file.label COLLATE "C" NULLS FIRST;

-- name: report_failures*
-- What a later attempt put right is no failure.
SELECT message.transfer_id, message.message_id, message.event_type, message.state,
       message.payload ->> 'label' AS label, message.acknowledgement, message.attempts,
       message.reason, message.created_at, last.cause, last.status, last.error_class,
       last.error_message, last.error_frame
FROM transfer
JOIN message USING (transfer_id)
LEFT JOIN attempt last
    ON last.message_id = message.message_id AND last.number = message.attempts
WHERE migration_id = :migration_id
    AND (message.acknowledgement = 'FAILED'
        OR message.state = 'UNDELIVERED' AND message.acknowledgement IS NULL)
ORDER BY transfer.created_at, message.transfer_id, message.position;

-- name: report_actions*
WITH things AS (
    SELECT CAST(:migration_id AS uuid)::text AS target
    UNION ALL SELECT transfer_id::text FROM transfer WHERE migration_id = :migration_id
    UNION ALL SELECT message_id::text FROM transfer JOIN message USING (transfer_id)
              WHERE migration_id = :migration_id)
SELECT seq, at, actor, role, operation, target, before, after
FROM things JOIN audit USING (target)
ORDER BY seq;
