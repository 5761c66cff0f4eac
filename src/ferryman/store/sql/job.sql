-- name: insert_job!
WITH made AS (
    INSERT INTO job (job_id, operation, selection, state, actor, role, customers, apps, total,
                     created_at)
    VALUES (:job_id, :operation, :selection, 'PLANNED', :actor, :role, :customers, :apps,
            cardinality(CAST(:targets AS uuid[])), :now)
    RETURNING job_id)
INSERT INTO job_item (job_id, number, target)
SELECT job_id, number, target
FROM made, unnest(CAST(:targets AS uuid[])) WITH ORDINALITY AS item (target, number);

-- name: forget_jobs!
DELETE FROM job WHERE created_at < :before AND state <> 'RUNNING';

-- name: job_by_id^
SELECT job.*, item.done, item.refused
FROM job, LATERAL (
    SELECT count(*) FILTER (WHERE outcome = 'DONE') AS done,
        count(*) FILTER (WHERE outcome = 'REFUSED') AS refused
    FROM job_item WHERE job_item.job_id = job.job_id) item
WHERE job.job_id = :job_id;

-- name: job_page
-- Jobs before a place, newest first; only those of a caller, if it does not see everything.
SELECT job.*, item.done, item.refused
FROM job, LATERAL (
    SELECT count(*) FILTER (WHERE outcome = 'DONE') AS done,
        count(*) FILTER (WHERE outcome = 'REFUSED') AS refused
    FROM job_item WHERE job_item.job_id = job.job_id) item
WHERE (created_at, job.job_id) < (:at, :id)
  AND (CAST(:actor AS text) IS NULL OR actor = :actor)
ORDER BY created_at DESC, job.job_id DESC
LIMIT :size;

-- name: lock_job^
SELECT * FROM job WHERE job_id = :job_id FOR UPDATE;

-- name: set_job_state!
UPDATE job SET state = :state,
    started_at = CASE WHEN :state = 'RUNNING' THEN CAST(:now AS timestamptz) ELSE started_at END,
    ended_at = CASE WHEN :state = 'RUNNING' THEN NULL ELSE CAST(:now AS timestamptz) END
WHERE job_id = :job_id;

-- name: job_items
SELECT number, target, outcome, code, detail, result, at FROM job_item
WHERE job_id = :job_id AND number > :after
  AND (CAST(:outcome AS text) IS NULL OR outcome = :outcome)
ORDER BY number
LIMIT :size;

-- name: next_job_item^
-- An item that nobody else is doing. Its job cannot be stopped until the item is done.
SELECT job.*, job_item.number, job_item.target
FROM job JOIN job_item USING (job_id)
WHERE job.state = 'RUNNING' AND job_item.outcome IS NULL
ORDER BY job.started_at, job_item.number
LIMIT 1
FOR UPDATE OF job_item SKIP LOCKED
FOR SHARE OF job;

-- name: end_job_item!
UPDATE job_item SET outcome = :outcome, code = :code, detail = :detail, result = :result, at = :now
WHERE job_id = :job_id AND number = :number;

-- name: end_jobs!
UPDATE job SET state = 'DONE', ended_at = :now
WHERE state = 'RUNNING' AND NOT EXISTS (
    SELECT FROM job_item WHERE job_item.job_id = job.job_id AND outcome IS NULL);
