-- name: accept_app_data!
-- Its upload is complete, and its bytes count: one trip while the transfer is locked.
WITH file AS (
    INSERT INTO app_data (key, transfer_id, upload_id, message_id, label, size, sha256, parts,
                          created_at)
    VALUES (:key, :transfer_id, :upload_id, :message_id, :label, :size, :sha256, :parts, :now)),
done AS (
    UPDATE upload SET state = 'COMPLETED' WHERE upload_id = :upload_id)
UPDATE transfer SET bytes = bytes + :size WHERE transfer_id = :transfer_id;

-- name: app_data_of_upload^
SELECT * FROM app_data WHERE upload_id = :upload_id;

-- name: app_data_by_key^
SELECT * FROM app_data WHERE key = :key;

-- name: app_data_with_transfer^
SELECT transfer.*, app.kind, app.server_app_key, app.cloud_app_key, app.environment,
       app.access_scopes, app.forge_app_id, migration.migration_scope_id, migration.name,
       migration.created_at AS migration_created_at, scope.cloud_url,
       app_data.key, app_data.upload_id, app_data.message_id, app_data.label, app_data.size,
       app_data.sha256
FROM app_data
JOIN transfer USING (transfer_id)
JOIN app USING (app_id)
JOIN migration USING (migration_id)
JOIN migration_scope scope USING (migration_scope_id)
WHERE app_data.key = :key;

-- name: app_data_parts$
SELECT parts FROM app_data WHERE key = :key;

-- name: app_data_page
SELECT key, label, size FROM app_data
WHERE transfer_id = :transfer_id AND key > :after
ORDER BY key
LIMIT :size;
