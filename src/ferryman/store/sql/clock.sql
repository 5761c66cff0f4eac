-- name: read_clock^
SELECT time_offset, frozen_at FROM clock;

-- name: move_clock!
-- Adding to a null frozen_at leaves it null, so a running clock stays running.
UPDATE clock SET time_offset = time_offset + :step, frozen_at = frozen_at + :step;

-- name: freeze_clock!
UPDATE clock SET frozen_at = :at;

-- name: resume_clock!
-- Time continues from where it was frozen.
UPDATE clock SET time_offset = :offset, frozen_at = NULL;

-- name: count_start^
-- If there are apps already, their rows hold times that the clock must not go back behind.
UPDATE clock SET starts = starts + 1
RETURNING starts, (SELECT EXISTS (SELECT FROM app)) AS used;
