-- name: transfers_between
-- Ids in a range that end in a suffix. Each kind is searched by its primary key.
SELECT transfer_id AS id, cloud_app_key || '@' || environment || ' ' || status AS name
FROM transfer_owner
WHERE transfer_id BETWEEN :first AND :last AND right(transfer_id::text, length(:suffix)) = :suffix
  AND in_reach(customer, cloud_app_key, :customers, :apps)
ORDER BY transfer_id
LIMIT :size;

-- name: messages_between
SELECT message_id AS id, concat_ws(' ', event_type, payload ->> 'label') AS name
FROM message
WHERE message_id BETWEEN :first AND :last AND right(message_id::text, length(:suffix)) = :suffix
  AND (CAST(:customers AS text[]) IS NULL AND CAST(:apps AS text[]) IS NULL OR EXISTS (
      SELECT FROM transfer_owner owner WHERE owner.transfer_id = message.transfer_id
          AND in_reach(customer, cloud_app_key, :customers, :apps)))
ORDER BY message_id
LIMIT :size;

-- name: migrations_between
-- A migration has several apps, so it is not for those who see some apps only.
SELECT migration_id AS id, name FROM migration
JOIN migration_scope scope USING (migration_scope_id)
WHERE migration_id BETWEEN :first AND :last
  AND right(migration_id::text, length(:suffix)) = :suffix
  AND (CAST(:customers AS text[]) IS NULL OR scope.customer = ANY (:customers))
  AND CAST(:apps AS text[]) IS NULL
ORDER BY migration_id
LIMIT :size;

-- name: apps_between
-- Apps belong to no customer.
SELECT app_id AS id, cloud_app_key || '@' || environment AS name FROM app
WHERE removed_at IS NULL
  AND app_id BETWEEN :first AND :last AND right(app_id::text, length(:suffix)) = :suffix
  AND (CAST(:apps AS text[]) IS NULL OR cloud_app_key = ANY (:apps))
ORDER BY app_id
LIMIT :size;

-- name: newest_transfer^
SELECT transfer_id AS id, cloud_app_key || '@' || environment || ' ' || status AS name
FROM transfer_owner
WHERE in_reach(customer, cloud_app_key, :customers, :apps)
ORDER BY created_at DESC, position DESC, transfer_id DESC
LIMIT 1;

-- name: newest_message^
-- Only looks at the newest transfers: there are too many messages to search them all.
SELECT newest.id, newest.name
FROM (
    SELECT transfer_id FROM transfer_owner
    WHERE in_reach(customer, cloud_app_key, :customers, :apps)
    ORDER BY created_at DESC LIMIT 100) recent, LATERAL (
    SELECT message_id AS id, concat_ws(' ', event_type, payload ->> 'label') AS name, position
    FROM message WHERE message.transfer_id = recent.transfer_id
    ORDER BY position DESC LIMIT 1) newest
ORDER BY newest.position DESC
LIMIT 1;

-- name: newest_migration^
SELECT migration_id AS id, name FROM migration
JOIN migration_scope scope USING (migration_scope_id)
WHERE (CAST(:customers AS text[]) IS NULL OR scope.customer = ANY (:customers))
  AND CAST(:apps AS text[]) IS NULL
ORDER BY migration.created_at DESC, migration_id
LIMIT 1;

-- name: newest_app^
SELECT app_id AS id, cloud_app_key || '@' || environment AS name FROM app
WHERE removed_at IS NULL AND (CAST(:apps AS text[]) IS NULL OR cloud_app_key = ANY (:apps))
ORDER BY created_at DESC, app_id DESC
LIMIT 1;
