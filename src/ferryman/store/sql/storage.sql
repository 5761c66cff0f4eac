-- name: end_app_data
-- The rows first: from now on reads are refused, so the objects can be deleted.
WITH over AS (
    SELECT key FROM app_data JOIN transfer USING (transfer_id)
    WHERE deleted_at IS NULL
        AND (started_at + life_added <= :started_before AND paused_at IS NULL
            OR settled_at <= :settled_before)
    LIMIT :size)
UPDATE app_data SET deleted_at = :now FROM over
WHERE app_data.key = over.key AND deleted_at IS NULL
RETURNING app_data.key, size;

-- name: close_uploads
-- Uploads of settled transfers. A final status never changes, so no lock is needed.
WITH over AS (
    SELECT upload_id FROM upload JOIN transfer USING (transfer_id)
    WHERE state = 'OPEN' AND settled_at <= :settled_before
    LIMIT :size)
UPDATE upload SET state = 'ABORTED', reason = 'writer_failed', detail = 'never completed'
FROM over
WHERE upload.upload_id = over.upload_id AND state = 'OPEN'
RETURNING key, store_ref;

-- name: records_of_keys
SELECT upload.key, store_ref, state, app_data.key IS NOT NULL AS is_file,
       app_data.deleted_at IS NOT NULL AS deleted
FROM upload LEFT JOIN app_data USING (upload_id)
WHERE upload.key = ANY(:keys)
UNION ALL
-- Objects of apps, whose files are deleted before their rows.
SELECT file_key, '', 'OPEN', state <> 'OPEN', state = 'GONE'
FROM app_object WHERE file_key = ANY(:keys);

-- name: kept_between
(SELECT key, transfer_id, label FROM app_data
 WHERE key > :after AND key <= :last AND deleted_at IS NULL
 ORDER BY key
 LIMIT :size)
UNION ALL
(SELECT file_key, NULL, app_object.key FROM app_object
 WHERE file_key > :after AND file_key <= :last AND state = 'KEPT'
 ORDER BY file_key
 LIMIT :size)
ORDER BY key
LIMIT :size;

-- name: is_kept$
SELECT EXISTS (SELECT FROM app_data WHERE key = :key AND deleted_at IS NULL)
    OR EXISTS (SELECT FROM app_object WHERE file_key = :key AND state = 'KEPT');

-- name: storage_counts^
SELECT count(*) FILTER (WHERE deleted_at IS NULL) AS files,
       coalesce(sum(size) FILTER (WHERE deleted_at IS NULL), 0)::bigint AS bytes,
       count(*) FILTER (WHERE deleted_at IS NOT NULL) AS deleted_files,
       (SELECT count(*) FROM upload WHERE state = 'OPEN') AS open_uploads
FROM app_data;

-- name: sweep_state^
SELECT due_at, report, error FROM sweep;

-- name: keep_sweep_timer!
-- A shorter interval in the settings moves the timer forward.
UPDATE sweep SET due_at = least(due_at, :due_at);

-- name: set_sweep_timer!
UPDATE sweep SET due_at = :due_at;

-- name: take_maintenance$
UPDATE sweep SET maintained_at = :now
WHERE maintained_at IS NULL OR maintained_at <= :before
RETURNING true;

-- name: set_sweep_report!
UPDATE sweep SET report = :report, error = NULL;

-- name: set_sweep_error!
UPDATE sweep SET error = :error;
