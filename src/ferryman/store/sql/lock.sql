-- name: try_lock$
-- A session lock: it ends with the connection at the latest.
SELECT pg_try_advisory_lock(:key);

-- name: unlock$
SELECT pg_advisory_unlock(:key);
