-- name: forecast_sample^
-- The transfer whose files a forecast rests on: itself, or else the newest one of its app and
-- customer that has enough acknowledged files among its first thousand. By BETWEEN and this order,
-- only the index of a transfer's messages fits: by that of an event's, PostgreSQL may read all messages.
SELECT transfer_id FROM (
    (SELECT transfer_id, created_at, 0 AS rank FROM transfer WHERE transfer_id = :transfer_id)
    UNION ALL
    (SELECT other.transfer_id, other.created_at, 1
     FROM transfer AS own JOIN transfer AS other USING (app_id, customer)
     WHERE own.transfer_id = :transfer_id AND other.transfer_id <> own.transfer_id
     ORDER BY other.created_at DESC, other.transfer_id LIMIT :looked_at)) AS candidate
WHERE (
    SELECT count(acknowledged_at) FROM (
        SELECT acknowledged_at FROM message
        WHERE message.transfer_id BETWEEN candidate.transfer_id AND candidate.transfer_id
          AND event_type = 'avi:ecosystem.migration:uploaded:app_data'
        ORDER BY message.transfer_id, position LIMIT 1000) AS first) >= CAST(:fewest AS integer)
ORDER BY rank, created_at DESC, transfer_id LIMIT 1;

-- name: forecast_blocks
-- The first files of a transfer in as many blocks, in the order of their arrival and of their
-- acknowledgement: seconds since the start of the first and the last file of each.
WITH file AS (
    SELECT message.created_at, message.acknowledged_at, app_data.size
    FROM (SELECT * FROM message WHERE transfer_id BETWEEN :transfer_id AND :transfer_id
            AND event_type = 'avi:ecosystem.migration:uploaded:app_data'
          ORDER BY transfer_id, position LIMIT :most) AS message
    JOIN app_data USING (message_id)),
moved AS (
    SELECT false AS acknowledged, created_at AS at, size FROM file
    UNION ALL
    SELECT true, acknowledged_at, size FROM file WHERE acknowledged_at IS NOT NULL)
SELECT acknowledged, count(*) AS files, CAST(sum(size) AS bigint) AS bytes,
    CAST(extract(epoch FROM min(at) - transfer.started_at) AS float8) AS first,
    CAST(extract(epoch FROM max(at) - transfer.started_at) AS float8) AS last
FROM (
    SELECT *, ntile(:blocks) OVER (PARTITION BY acknowledged ORDER BY at) AS block FROM moved
) AS placed, transfer
WHERE transfer.transfer_id = :transfer_id
GROUP BY acknowledged, block, transfer.started_at
ORDER BY acknowledged, block;

-- name: forecast_largest$
-- The size of a transfer's largest file, or of the largest that waits for its acknowledgement.
SELECT CASE WHEN CAST(:waiting AS boolean) THEN (
    SELECT coalesce(max(app_data.size), 0) FROM message JOIN app_data USING (message_id)
    WHERE message.transfer_id BETWEEN :transfer_id AND :transfer_id
      AND event_type = 'avi:ecosystem.migration:uploaded:app_data' AND acknowledged_at IS NULL)
ELSE (
    SELECT coalesce(max(size), 0) FROM app_data WHERE transfer_id = :transfer_id) END;

-- name: forecast_amount^
-- Files, bytes and the largest file of an earlier run of a transfer's app for the same customer:
-- the newest that ended in success.
SELECT count(app_data.key) AS files, CAST(coalesce(sum(app_data.size), 0) AS bigint) AS bytes,
    coalesce(max(app_data.size), 0) AS largest
FROM app_data
WHERE app_data.transfer_id = (
    SELECT other.transfer_id FROM transfer AS own JOIN transfer AS other USING (app_id, customer)
    WHERE own.transfer_id = :transfer_id AND other.transfer_id <> own.transfer_id
      AND other.status = 'SUCCESS'
    ORDER BY other.created_at DESC, other.transfer_id LIMIT 1);
