-- name: lock_breakers
SELECT * FROM breaker
WHERE (app_id, endpoint) IN (
    SELECT * FROM unnest(CAST(:app_ids AS uuid[]), CAST(:endpoints AS text[])))
ORDER BY app_id, endpoint
FOR UPDATE;

-- name: save_breaker!
INSERT INTO breaker (app_id, endpoint, event_types, weight, trips, open_until, error, changed_at)
VALUES (:app_id, :endpoint, :event_types, :weight, :trips, :open_until, :error, :now)
ON CONFLICT (app_id, endpoint) DO UPDATE SET
    event_types = excluded.event_types, weight = excluded.weight, trips = excluded.trips,
    open_until = excluded.open_until, error = coalesce(excluded.error, breaker.error),
    changed_at = excluded.changed_at;

-- name: delete_breaker!
DELETE FROM breaker WHERE app_id = :app_id AND endpoint = :endpoint;

-- name: breakers
SELECT * FROM breaker ORDER BY app_id, endpoint;

-- name: breakers_of
SELECT * FROM breaker WHERE app_id = :app_id ORDER BY endpoint;

-- name: breakers_of_apps
SELECT * FROM breaker WHERE app_id = ANY(:app_ids) ORDER BY app_id, endpoint;

-- name: delete_breakers_of!
DELETE FROM breaker WHERE app_id = :app_id;
