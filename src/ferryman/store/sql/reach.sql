-- name: owner_of_migration^
SELECT scope.customer, CAST(NULL AS text) AS cloud_app_key
FROM migration JOIN migration_scope scope USING (migration_scope_id)
WHERE migration_id = :id;

-- name: owner_of_transfer^
SELECT customer, cloud_app_key FROM transfer_owner WHERE transfer_id = :id;

-- name: owner_of_message^
SELECT customer, cloud_app_key FROM message JOIN transfer_owner USING (transfer_id)
WHERE message_id = :id;
