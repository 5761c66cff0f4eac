-- name: owner_of_migration^
SELECT scope.customer, CAST(NULL AS text) AS cloud_app_key
FROM migration JOIN migration_scope scope USING (migration_scope_id)
WHERE migration_id = :id;

-- name: owner_of_transfer^
SELECT scope.customer, app.cloud_app_key
FROM transfer
JOIN app USING (app_id)
JOIN migration USING (migration_id)
JOIN migration_scope scope USING (migration_scope_id)
WHERE transfer_id = :id;

-- name: owner_of_message^
SELECT scope.customer, app.cloud_app_key
FROM message
JOIN transfer USING (transfer_id)
JOIN app ON app.app_id = transfer.app_id
JOIN migration USING (migration_id)
JOIN migration_scope scope USING (migration_scope_id)
WHERE message_id = :id;
