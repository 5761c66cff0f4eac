-- name: queue_metrics
-- Waiting messages by app. The index of due messages holds just these.
SELECT cloud_app_key, environment, due, deferred, parked, oldest FROM (
    SELECT app_id, count(*) FILTER (WHERE next_attempt_at <= :now) AS due,
        count(*) FILTER (WHERE next_attempt_at > :now) AS deferred,
        count(*) FILTER (WHERE next_attempt_at IS NULL) AS parked,
        min(next_attempt_at) FILTER (WHERE next_attempt_at <= :now) AS oldest
    FROM message WHERE state = 'PENDING' AND worker_id IS NULL
    GROUP BY app_id) waiting JOIN app USING (app_id);

-- name: in_flight_metrics
SELECT cloud_app_key, environment, sent FROM (
    SELECT app_id, count(*) AS sent FROM message WHERE worker_id IS NOT NULL GROUP BY app_id
) held JOIN app USING (app_id);

-- name: undelivered_count$
-- Bounded, so that a year of neglected dead letters costs no more to count than a day of them.
SELECT count(*) FROM (
    SELECT FROM message WHERE state = 'UNDELIVERED' LIMIT :most) undelivered;

-- name: breaker_metrics
SELECT CASE WHEN open_until > :now THEN 'open' WHEN trips > 0 THEN 'half_open' ELSE 'counting' END
    AS state, count(*) AS endpoints
FROM breaker GROUP BY 1;

-- name: worker_metrics
SELECT worker_id, metrics FROM worker
WHERE seen_at > now() - CAST(:silence AS interval)
    AND seen_at < now() + CAST(:silence AS interval)
ORDER BY worker_id;
