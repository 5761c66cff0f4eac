-- name: begin_look^
-- One process at a time looks for troubles, the next after a pause of real time. Two looks at once
-- do no harm, so nothing is locked. A time of the future was written before the clock was set back.
UPDATE notice_watch SET looked_at = now(), began_at = coalesce(began_at, :now),
    settled_to = coalesce(settled_to, :now)
WHERE looked_at IS NULL OR looked_at <= now() - CAST(:pause AS interval) OR looked_at > now()
RETURNING greatest(began_at, settled_to - CAST(:overlap AS interval)) AS settled_from;

-- name: set_settled_to!
UPDATE notice_watch SET settled_to = :settled_to;

-- name: open_notices
SELECT *, (
    SELECT count(*) FROM notice earlier
    WHERE earlier.kind = notice.kind AND earlier.subject = notice.subject
        AND earlier.noticed_at > :since) AS times
FROM notice WHERE ended_at IS NULL
ORDER BY began_at, notice_id;

-- name: insert_notice$
-- None is inserted if another look was faster.
INSERT INTO notice (notice_id, kind, subject, customer, cloud_app_key, environment, transfer_id,
    migration_name, found, fix, link, cause, count, began_at, noticed_at, ended_at)
VALUES (:notice_id, :kind, :subject, :customer, :cloud_app_key, :environment, :transfer_id,
    :migration_name, :found, :fix, :link, :cause, :count, :began_at, :noticed_at, :ended_at)
ON CONFLICT DO NOTHING
RETURNING notice_id;

-- name: tell_suspicion$
UPDATE notice SET noticed_at = :now, found = :found, fix = :fix, link = :link, cause = :cause,
    count = :count
WHERE notice_id = :notice_id AND noticed_at IS NULL
RETURNING notice_id;

-- name: forget_suspicions!
DELETE FROM notice WHERE notice_id = ANY (CAST(:notice_ids AS uuid[])) AND noticed_at IS NULL;

-- name: set_gone!
UPDATE notice SET gone_at = :gone_at
WHERE notice_id = ANY (CAST(:notice_ids AS uuid[])) AND ended_at IS NULL;

-- name: end_notices
UPDATE notice SET ended_at = gone_at
WHERE notice_id = ANY (CAST(:notice_ids AS uuid[])) AND ended_at IS NULL
RETURNING *;

-- name: notice_page
-- Newest first; every filter may be null.
SELECT * FROM notice
WHERE noticed_at IS NOT NULL AND (noticed_at, notice_id) < (:at, :id)
  AND (CAST(:kind AS text) IS NULL OR kind = :kind)
  AND (CAST(:customers AS text[]) IS NULL OR customer = ANY (:customers))
  AND (CAST(:apps AS text[]) IS NULL OR cloud_app_key = ANY (:apps))
  AND (CAST(:app AS text) IS NULL OR cloud_app_key = :app)
  AND (CAST(:environment AS text) IS NULL OR environment = :environment)
  AND (CAST(:open AS boolean) IS NULL OR (ended_at IS NULL) = :open)
ORDER BY noticed_at DESC, notice_id DESC
LIMIT :size;

-- name: remove_old_notices!
WITH trials AS (
    DELETE FROM notice_telling WHERE notice_id IS NULL AND created_at < :before)
DELETE FROM notice WHERE noticed_at < :before AND ended_at < :before;
