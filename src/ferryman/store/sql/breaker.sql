-- name: lock_breakers
-- Missing rows are inserted: two workers that found nothing to lock would both start from zero,
-- and the second would overwrite the first. Sorted, so that the two cannot deadlock.
INSERT INTO breaker (app_id, endpoint, event_types, weight, trips, changed_at)
SELECT app_id, endpoint, '{}', 0, 0, :now
FROM unnest(CAST(:app_ids AS uuid[]), CAST(:endpoints AS text[])) AS wanted (app_id, endpoint)
ORDER BY app_id, endpoint
ON CONFLICT (app_id, endpoint) DO UPDATE SET app_id = excluded.app_id
RETURNING *;

-- name: save_breaker!
UPDATE breaker SET event_types = :event_types, weight = :weight, trips = :trips,
    open_until = :open_until, error = coalesce(:error, error), changed_at = :now
WHERE app_id = :app_id AND endpoint = :endpoint;

-- name: delete_breaker!
DELETE FROM breaker WHERE app_id = :app_id AND endpoint = :endpoint;

-- name: sync_breakers!
-- Each breaker holds back only the events that are posted to its endpoint.
UPDATE breaker SET event_types = ARRAY(
    SELECT way.event_type
    FROM unnest(CAST(:endpoints AS text[]), CAST(:event_types AS text[]))
        AS way (endpoint, event_type)
    WHERE way.endpoint = breaker.endpoint
    ORDER BY 1)
WHERE app_id = :app_id;

-- name: delete_stray_breakers!
DELETE FROM breaker WHERE app_id = :app_id AND event_types = '{}';

-- name: breakers
SELECT * FROM breaker ORDER BY app_id, endpoint;

-- name: breakers_of_apps
SELECT * FROM breaker WHERE app_id = ANY(:app_ids) ORDER BY app_id, endpoint;

-- name: delete_breakers_of!
-- Sorted as in lock_breakers, so that the two cannot deadlock.
DELETE FROM breaker WHERE app_id = :app_id AND endpoint IN (
    SELECT endpoint FROM breaker WHERE app_id = :app_id ORDER BY endpoint FOR UPDATE);
