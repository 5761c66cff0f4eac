-- name: late_transfers
-- Running transfers of Forge apps of whose window a share has passed and nothing moved it, by
-- customer and app. What is live has an index.
SELECT customer, cloud_app_key, environment, count(*) AS number, min(late_from) AS since,
    (array_agg(transfer_id ORDER BY late_from, transfer_id))[1] AS transfer_id
FROM (
    SELECT customer, app_id, transfer_id,
        greatest(started_at, last_upload_at, last_success_at, granted_at)
            + make_interval(secs => window_seconds * CAST(:share AS float8)) AS late_from
    FROM transfer WHERE status = 'IN_PROGRESS' AND paused_at IS NULL) live
JOIN app USING (app_id)
WHERE late_from <= :now AND kind = 'forge'
GROUP BY customer, cloud_app_key, environment;

-- name: unclaimed_transfers
-- Transfers that agents may take, and none has for a while, by customer and app.
SELECT transfer.customer, cloud_app_key, environment, count(*) AS number,
    min(released_at) AS since,
    (array_agg(transfer_id ORDER BY released_at, transfer_id))[1] AS transfer_id
FROM transfer JOIN app USING (app_id)
WHERE status = 'READY' AND claims = 0 AND depends_on = '{}' AND paused_at IS NULL
    AND released_at <= CAST(:now AS timestamptz) - CAST(:patience AS interval)
GROUP BY transfer.customer, cloud_app_key, environment;

-- name: lost_agents
-- Transfers whose agent fell silent before its listener had returned, by customer and app.
SELECT transfer.customer, cloud_app_key, environment, count(*) AS number,
    now() - min(claim_seen_at) AS silent,
    (array_agg(transfer_id ORDER BY claim_seen_at, transfer_id))[1] AS transfer_id
FROM transfer JOIN app USING (app_id)
WHERE status = 'IN_PROGRESS' AND claims > 0 AND returned_at IS NULL
    AND export_completed_at IS NULL AND paused_at IS NULL
    AND claim_lost(claim_seen_at, claim_confirmed, :silence, :confirmation)
GROUP BY transfer.customer, cloud_app_key, environment;

-- name: paused_transfers
-- Transfers that have been paused for a while, by customer and app.
SELECT transfer.customer, cloud_app_key, environment, count(*) AS number,
    min(paused_at) AS since,
    (array_agg(transfer_id ORDER BY paused_at, transfer_id))[1] AS transfer_id
FROM transfer JOIN app USING (app_id)
WHERE paused_at <= CAST(:now AS timestamptz) - CAST(:patience AS interval)
GROUP BY transfer.customer, cloud_app_key, environment;

-- name: given_up_messages
-- Messages that were given up, of transfers that have not settled, by customer and app. At most so
-- many of each transfer, so that one with many hides no other.
SELECT transfer.customer, cloud_app_key, environment, count(*) AS number,
    (array_agg(message_id ORDER BY given_up.position DESC))[1] AS message_id,
    (array_agg(transfer.transfer_id ORDER BY given_up.position DESC))[1] AS transfer_id
FROM transfer JOIN app USING (app_id), LATERAL (
    SELECT message_id, position FROM message
    WHERE message.transfer_id = transfer.transfer_id AND state = 'UNDELIVERED'
        AND acknowledgement IS NULL
    ORDER BY position DESC
    LIMIT :most) given_up
WHERE status IN ('IN_PROGRESS', 'CANCELLATION_REQUESTED')
GROUP BY transfer.customer, cloud_app_key, environment;

-- name: failing_endpoints
-- Endpoints whose breaker has opened and not closed since, by app, and the one that opened last.
SELECT cloud_app_key, environment, count(*) AS number, min(changed_at) AS since,
    (array_agg(endpoint ORDER BY changed_at DESC))[1] AS endpoint,
    (array_agg(coalesce(error, 'no answer') ORDER BY changed_at DESC))[1] AS error
FROM breaker JOIN app USING (app_id)
WHERE trips > 0
GROUP BY cloud_app_key, environment;

-- name: apps_with_files
-- Apps that may come to hold more, and those that are said to hold much.
SELECT app_id, cloud_app_key, environment FROM app
WHERE app_id IN (SELECT app_id FROM transfer WHERE status = 'IN_PROGRESS')
    OR cloud_app_key || '@' || environment = ANY (CAST(:apps AS text[]))
ORDER BY app_id
LIMIT :size;

-- name: settled_untold
-- What has settled within a time and was not told.
SELECT transfer.transfer_id, transfer.customer, cloud_app_key, environment, status, settled_at,
    files, failed, bytes, migration.name
FROM transfer JOIN app USING (app_id) JOIN migration USING (migration_id)
WHERE settled_at >= :since AND settled_at <= :now AND NOT EXISTS (
    SELECT FROM notice
    WHERE notice.kind = 'settled' AND notice.transfer_id = transfer.transfer_id)
ORDER BY settled_at
LIMIT :size;
