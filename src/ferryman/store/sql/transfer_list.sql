-- name: transfer_page
-- Transfers of all migrations, newest first. Every filter may be null.
SELECT transfer.*, app.kind, app.server_app_key, app.cloud_app_key, app.environment,
       app.access_scopes, app.forge_app_id, migration.migration_scope_id, migration.name,
       migration.created_at AS migration_created_at, scope.cloud_url,
       claim_confirmed AND claim_seen_at > now() - interval '5 seconds' AS claim_noted
FROM transfer
JOIN app USING (app_id)
JOIN migration USING (migration_id)
JOIN migration_scope scope USING (migration_scope_id)
WHERE (transfer.created_at, transfer_id) < (:before_at, :before_id)
  AND in_reach(scope.customer, app.cloud_app_key, :customers, :apps)
  AND (CAST(:status AS text) IS NULL OR status = :status)
  AND (CAST(:app_id AS uuid) IS NULL OR app_id = :app_id)
  AND (CAST(:migration_id AS uuid) IS NULL OR migration_id = :migration_id)
  AND (CAST(:since AS timestamptz) IS NULL OR transfer.created_at >= :since)
  AND (CAST(:until AS timestamptz) IS NULL OR transfer.created_at < :until)
ORDER BY transfer.created_at DESC, transfer_id DESC
LIMIT :size;

-- name: transfer_created$
SELECT created_at FROM transfer WHERE transfer_id = :transfer_id;
