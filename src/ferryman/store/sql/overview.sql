-- name: live_statuses
-- Transfers that have not settled, by status; every filter may be null.
SELECT status, count(*) AS number FROM transfer
WHERE status IN ('READY', 'IN_PROGRESS', 'CANCELLATION_REQUESTED')
  AND (CAST(:customers AS text[]) IS NULL OR customer = ANY (:customers))
  AND (CAST(:app_ids AS uuid[]) IS NULL OR app_id = ANY (:app_ids))
GROUP BY status;

-- name: given_up_by_cause
-- The newest messages that were given up and still matter, by app and cause.
SELECT app_id, cause, count(*) AS number, min(created_at) AS since,
    (array_agg(message_id ORDER BY position DESC))[1] AS message_id,
    (array_agg(transfer_id ORDER BY position DESC))[1] AS transfer_id
FROM (
    SELECT message.app_id, last.cause, message.message_id, message.transfer_id, message.position,
        message.created_at
    FROM message
    JOIN transfer ON transfer.transfer_id = message.transfer_id
    LEFT JOIN attempt last
        ON last.message_id = message.message_id AND last.number = message.attempts
    WHERE message.state = 'UNDELIVERED' AND message.acknowledgement IS NULL
      AND (CAST(:customers AS text[]) IS NULL OR transfer.customer = ANY (:customers))
      AND (CAST(:app_ids AS uuid[]) IS NULL OR transfer.app_id = ANY (:app_ids))
    ORDER BY message.position DESC
    LIMIT :most) given_up
GROUP BY app_id, cause
ORDER BY count(*) DESC, app_id, cause
LIMIT :size;

-- name: chart_attempts
-- Attempts by the time in which they began; of each time up to a number of them.
SELECT n, count(*) AS counted,
    count(*) FILTER (WHERE outcome = 'DELIVERED') AS delivered,
    count(*) FILTER (WHERE outcome = 'FAILED') AS failed,
    count(*) FILTER (WHERE outcome = 'LOST') AS lost,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY waited) FILTER (WHERE number = 1) AS p50,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY waited) FILTER (WHERE number = 1) AS p99
FROM generate_series(0, CAST(:buckets AS integer) - 1) AS n CROSS JOIN LATERAL (
    SELECT attempt.number, attempt.outcome,
        1000 * CAST(extract(epoch FROM attempt.started_at - message.created_at) AS float8) AS waited
    FROM attempt
    JOIN message ON message.message_id = attempt.message_id
    -- Every message has one; this way it isn't read where all are counted.
    LEFT JOIN transfer ON transfer.transfer_id = message.transfer_id
    WHERE attempt.started_at >= CAST(:since AS timestamptz) + n * CAST(:width AS interval)
      AND attempt.started_at < CAST(:since AS timestamptz) + (n + 1) * CAST(:width AS interval)
      AND (CAST(:customers AS text[]) IS NULL OR transfer.customer = ANY (:customers))
      AND (CAST(:app_ids AS uuid[]) IS NULL OR transfer.app_id = ANY (:app_ids))
    LIMIT :most) made
GROUP BY n;

-- name: chart_files
SELECT n, count(*) AS files, CAST(sum(size) AS bigint) AS bytes
FROM generate_series(0, CAST(:buckets AS integer) - 1) AS n CROSS JOIN LATERAL (
    SELECT app_data.size
    FROM app_data
    LEFT JOIN transfer ON transfer.transfer_id = app_data.transfer_id
    WHERE app_data.created_at >= CAST(:since AS timestamptz) + n * CAST(:width AS interval)
      AND app_data.created_at < CAST(:since AS timestamptz) + (n + 1) * CAST(:width AS interval)
      AND (CAST(:customers AS text[]) IS NULL OR transfer.customer = ANY (:customers))
      AND (CAST(:app_ids AS uuid[]) IS NULL OR transfer.app_id = ANY (:app_ids))
    LIMIT :most) made
GROUP BY n;

-- name: backlog_of_transfer
-- How many files were uploaded and how many acknowledged in each of so many equal times.
SELECT bucket, CAST(sum(uploaded) AS bigint) AS uploaded,
    CAST(sum(acknowledged) AS bigint) AS acknowledged
FROM (
    SELECT greatest(least(width_bucket(
            CAST(extract(epoch FROM at - CAST(:since AS timestamptz)) AS float8),
            0, CAST(:seconds AS float8), CAST(:buckets AS integer)), :buckets), 1) AS bucket,
        uploaded, acknowledged
    FROM (
        SELECT created_at AS at, 1 AS uploaded, 0 AS acknowledged FROM message
        WHERE transfer_id = :transfer_id
          AND event_type = 'avi:ecosystem.migration:uploaded:app_data'
        UNION ALL
        SELECT acknowledged_at, 0, 1 FROM message
        WHERE transfer_id = :transfer_id AND acknowledged_at IS NOT NULL
          AND event_type = 'avi:ecosystem.migration:uploaded:app_data') moved) placed
GROUP BY bucket
ORDER BY bucket;
