-- name: try_lock$
-- A session lock: it ends with the connection at the latest.
SELECT pg_try_advisory_lock(:key);

-- name: unlock$
SELECT pg_advisory_unlock(:key);

-- name: take_turn^
-- Waits until the lock is free; held until the transaction ends. The timeout is of this wait alone.
SELECT set_config('lock_timeout', :longest, true),
    CASE WHEN pg_try_advisory_xact_lock(:key) THEN true
         ELSE pg_advisory_xact_lock(:key) IS NULL END AS at_once,
    set_config('lock_timeout', '0', true);
