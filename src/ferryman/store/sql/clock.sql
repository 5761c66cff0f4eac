-- name: read_clock^
SELECT time_offset, frozen_at FROM clock;

-- name: move_clock!
-- A clock that stands still is moved too; one that goes has no instant to stand at.
UPDATE clock SET time_offset = time_offset + :step, frozen_at = frozen_at + :step;

-- name: freeze_clock!
UPDATE clock SET frozen_at = :at;

-- name: resume_clock!
-- It goes on from where it stands.
UPDATE clock SET time_offset = :offset, frozen_at = NULL;

-- name: count_start^
-- The rows of a platform that was seeded later hold times that must not be gone back behind.
UPDATE clock SET starts = starts + 1
RETURNING starts, (SELECT EXISTS (SELECT FROM app)) AS used;

-- name: try_lock_clock$
SELECT pg_try_advisory_lock(:key);

-- name: unlock_clock$
SELECT pg_advisory_unlock(:key);
