-- name: delete_job!
-- A settled transfer owns no live timer. A job that is running ends by itself.
DELETE FROM pgqueuer WHERE id = :job_id AND status = 'queued';

-- name: next_due$
-- Seconds until the first queued job is due; null when there is none. Time does not stop for a
-- sweep, which nothing else follows from: over two years it would stop 1,460 times.
SELECT extract(epoch FROM min(execute_after) - now())::float8 FROM pgqueuer
WHERE status = 'queued' AND entrypoint <> :passed_by;

-- name: pull_forward!
-- Virtual time: every queued job comes nearer by as much as the clock moved.
UPDATE pgqueuer SET execute_after = execute_after - CAST(:step AS interval)
WHERE status = 'queued' AND execute_after > now();

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
