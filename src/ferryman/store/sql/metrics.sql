-- name: queue_figures
-- What waits, by app; the index of what is due holds just those messages, and no finished one.
SELECT cloud_app_key, environment, due, deferred, parked, oldest FROM (
    SELECT app_id, count(*) FILTER (WHERE next_attempt_at <= :now) AS due,
        count(*) FILTER (WHERE next_attempt_at > :now) AS deferred,
        count(*) FILTER (WHERE next_attempt_at IS NULL) AS parked,
        min(next_attempt_at) FILTER (WHERE next_attempt_at <= :now) AS oldest
    FROM message WHERE state = 'PENDING' AND worker_id IS NULL
    GROUP BY app_id) waiting JOIN app USING (app_id);

-- name: in_flight_figures
SELECT cloud_app_key, environment, sent FROM (
    SELECT app_id, count(*) AS sent FROM message WHERE worker_id IS NOT NULL GROUP BY app_id
) held JOIN app USING (app_id);

-- name: undelivered_count$
-- Up to a bound, so that what nobody looked after for a year costs no more than the first day.
SELECT count(*) FROM (
    SELECT FROM message WHERE state = 'UNDELIVERED' LIMIT :most) undelivered;

-- name: breaker_figures
SELECT CASE WHEN open_until > :now THEN 'open' WHEN trips > 0 THEN 'half_open' ELSE 'counting' END
    AS state, count(*) AS endpoints
FROM breaker GROUP BY 1;

-- name: worker_figures
SELECT worker_id, figures FROM worker
WHERE seen_at > now() - CAST(:silence AS interval)
ORDER BY worker_id;
