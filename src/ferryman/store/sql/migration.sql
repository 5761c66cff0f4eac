-- name: upsert_scope$
-- The same server and site always share a scope, however often they migrate.
INSERT INTO migration_scope (migration_scope_id, customer, source_id, cloud_url)
VALUES (:migration_scope_id, :customer, :source_id, :cloud_url)
ON CONFLICT (customer, source_id, cloud_url) DO UPDATE SET source_id = excluded.source_id
RETURNING migration_scope_id;

-- name: insert_migration$
-- Null if it is there: a request that is repeated has the same id.
INSERT INTO migration (migration_id, migration_scope_id, name, created_at)
VALUES (:migration_id, :migration_scope_id, :name, :now)
ON CONFLICT DO NOTHING
RETURNING migration_id;

-- name: insert_container!
INSERT INTO container (
    container_id, migration_id, position, type, key, source_id, name, selected_users
) VALUES (
    :container_id, :migration_id, :position, :type, :key, :source_id, :name, :selected_users
);

-- name: migration_by_id^
SELECT migration.*, scope.customer, scope.source_id, scope.cloud_url
FROM migration JOIN migration_scope scope USING (migration_scope_id)
WHERE migration_id = :migration_id;

-- name: start_migration$
-- Only the first start counts; further ones change nothing.
UPDATE migration SET started_at = coalesce(started_at, :now)
WHERE migration_id = :migration_id RETURNING started_at;

-- name: archive_migration!
-- Null brings it back. Its transfers have the same mark; all have ended, so none is locked for long.
WITH marked AS (
    UPDATE migration SET archived_at = :archived_at WHERE migration_id = :migration_id)
UPDATE transfer SET archived_at = :archived_at WHERE migration_id = :migration_id;

-- name: containers_of_migration
SELECT * FROM container WHERE migration_id = :migration_id ORDER BY position;

-- name: schedule_migration!
UPDATE migration SET start_at = :start_at WHERE migration_id = :migration_id;

-- name: set_start_timers!
-- Each has the timer, so that one may be cancelled; the first that fires starts all. Locked in one
-- order, like every statement that locks several transfers.
WITH waiting AS (
    SELECT transfer_id FROM transfer
    WHERE migration_id = :migration_id AND released_at IS NULL AND status = 'READY'
    ORDER BY transfer_id
    FOR NO KEY UPDATE)
UPDATE transfer SET wake_at = :start_at FROM waiting
WHERE transfer.transfer_id = waiting.transfer_id;

-- name: container_page
SELECT * FROM container
WHERE migration_id = :migration_id AND type = :type AND position > :after
ORDER BY position
LIMIT :size;

-- name: container_position$
SELECT position FROM container
WHERE migration_id = :migration_id AND type = :type AND container_id = :container_id;

-- name: lock_migration!
-- Serialises re-runs within a migration.
SELECT FROM migration WHERE migration_id = :migration_id FOR NO KEY UPDATE;

-- name: scopes_of_site
SELECT migration_scope_id FROM migration_scope
WHERE cloud_url = ANY (:urls)
  AND (CAST(:customers AS text[]) IS NULL OR customer = ANY (:customers));
