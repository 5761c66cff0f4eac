-- name: clock_offset$
SELECT time_offset FROM clock;

-- name: move_clock$
UPDATE clock SET time_offset = time_offset + :step RETURNING time_offset;

-- name: try_lock_clock$
SELECT pg_try_advisory_lock(:key);

-- name: unlock_clock$
SELECT pg_advisory_unlock(:key);
