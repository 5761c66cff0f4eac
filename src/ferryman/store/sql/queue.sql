-- name: delete_job!
-- A settled transfer owns no live timer. A job that is running ends by itself.
DELETE FROM pgqueuer WHERE id = :job_id AND status = 'queued';

-- name: next_due$
-- Seconds until the first queued job is due; null when there is none. Time does not stop for a
-- sweep, which nothing else follows from: over two years it would stop 1,460 times.
-- While time stands still, jobs are parked: see park_jobs.
SELECT extract(epoch FROM min(CASE
    WHEN execute_after > now() + CAST(:far AS interval) / 2
    THEN execute_after - CAST(:far AS interval) - :now
    ELSE execute_after - now() END))::float8
FROM pgqueuer
WHERE status = 'queued' AND entrypoint <> :passed_by;

-- name: pull_forward!
-- Virtual time: every queued job comes nearer by as much as the clock moved.
UPDATE pgqueuer SET execute_after = execute_after - CAST(:step AS interval)
WHERE status = 'queued' AND execute_after > now()
  AND execute_after < now() + CAST(:far AS interval) / 2;

-- name: park_jobs!
-- Time stands still: no job may come due by itself, so each that waits is put far off, by its
-- platform time. What the queue tries again after an error goes on in real time.
UPDATE pgqueuer
SET execute_after = CAST(:at AS timestamptz) + (execute_after - now()) + CAST(:far AS interval)
WHERE status = 'queued' AND execute_after > now();

-- name: park_job!
UPDATE pgqueuer SET execute_after = CAST(:due AS timestamptz) + CAST(:far AS interval)
WHERE id = :job_id;

-- name: release_parked!
-- What time has come to is due now.
UPDATE pgqueuer SET execute_after = now()
WHERE status = 'queued' AND execute_after > now() + CAST(:far AS interval) / 2
  AND execute_after - CAST(:far AS interval) <= :now;

-- name: unpark_jobs!
-- Time goes on: what was parked waits as long as it had left.
UPDATE pgqueuer
SET execute_after = now() + (execute_after - CAST(:far AS interval) - CAST(:at AS timestamptz))
WHERE status = 'queued' AND execute_after > now() + CAST(:far AS interval) / 2;

-- name: work_due$
-- Whether a job is due or being done.
SELECT EXISTS (
    SELECT FROM pgqueuer
    WHERE status = 'picked' OR (status = 'queued' AND execute_after <= now()));

-- name: wake_timers#
-- Changing execute_after wakes nobody; this is the notification pgqueuer itself sends.
SELECT pg_notify('ch_pgqueuer', json_build_object(
    'channel', 'ch_pgqueuer', 'operation', 'update', 'sent_at', now(),
    'table', 'pgqueuer', 'type', 'table_changed_event')::text);
