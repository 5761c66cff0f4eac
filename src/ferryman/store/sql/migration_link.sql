-- name: insert_migration_link!
INSERT INTO migration_link (
    link_id, migration_id, note, created_at, created_by, expires_at, report)
VALUES (:link_id, :migration_id, :note, :now, :created_by, :expires_at, :report);

-- name: migration_link_by_id^
SELECT * FROM migration_link WHERE link_id = :link_id;

-- name: working_migration_links$
SELECT count(*) FROM migration_link
WHERE migration_id = :migration_id AND revoked_at IS NULL AND expires_at > :now;

-- name: migration_link_page
SELECT * FROM migration_link
WHERE migration_id = :migration_id AND (created_at, link_id) > (:after_at, :after_id)
ORDER BY created_at, link_id
LIMIT :size;

-- name: revoke_migration_link^
UPDATE migration_link SET revoked_at = coalesce(revoked_at, :now)
WHERE link_id = :link_id AND migration_id = :migration_id
RETURNING *;

-- name: shared_parts
-- One for each app and name: a transfer that was re-run is left out.
SELECT cloud_app_key, transfer_name, status, progress, files, succeeded, failed, bytes, started_at,
       settled_at,
       CASE WHEN settled_at IS NULL AND paused_at IS NULL THEN
           greatest(started_at, last_upload_at, last_success_at, granted_at)
               + make_interval(secs => transfer.window_seconds) END AS deadline
FROM transfer JOIN app USING (app_id)
WHERE migration_id = :migration_id AND NOT EXISTS (
    SELECT FROM transfer again WHERE again.original_transfer_id = transfer.transfer_id)
ORDER BY transfer.created_at, position, transfer_id;
