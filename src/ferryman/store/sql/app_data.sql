-- name: accept_app_data!
-- Their uploads are complete, and their bytes count: one trip while the transfer is locked.
WITH file AS (
    INSERT INTO app_data (key, transfer_id, upload_id, message_id, label, size, sha256, parts,
                          created_at)
    SELECT file.key, :transfer_id, file.upload_id, file.message_id, file.label, file.size,
           file.sha256, file.parts, :now
    FROM unnest(CAST(:keys AS uuid[]), CAST(:upload_ids AS uuid[]), CAST(:message_ids AS uuid[]),
                CAST(:labels AS text[]), CAST(:sizes AS bigint[]), CAST(:digests AS text[]),
                CAST(:parts AS jsonb[]))
        AS file (key, upload_id, message_id, label, size, sha256, parts)),
done AS (
    UPDATE upload SET state = 'COMPLETED' WHERE upload_id = ANY(:upload_ids)),
-- They take the place of failed files of their claim and label that were given up before they
-- began, each of one: their writers tried again.
begun AS (
    SELECT claim, label, created_at,
           row_number() OVER (PARTITION BY claim, label ORDER BY created_at) AS nth
    FROM upload WHERE upload_id = ANY(:upload_ids) AND label IS NOT NULL),
failed AS (
    SELECT upload_id, claim, label, given_up_at,
           row_number() OVER (PARTITION BY claim, label ORDER BY given_up_at) AS nth
    FROM upload WHERE transfer_id = :transfer_id AND reason = 'writer_failed'),
repeated AS (
    UPDATE upload SET reason = 'superseded'
    FROM failed JOIN begun USING (claim, label, nth)
    WHERE upload.upload_id = failed.upload_id AND begun.created_at >= failed.given_up_at)
UPDATE transfer
SET bytes = bytes + (SELECT sum(size) FROM unnest(CAST(:sizes AS bigint[])) AS size)
WHERE transfer_id = :transfer_id;

-- name: app_data_of_upload^
SELECT * FROM app_data WHERE upload_id = :upload_id;

-- name: app_data_by_key^
SELECT * FROM app_data WHERE key = :key;

-- name: app_data_with_transfer^
SELECT transfer.*, app.kind, app.server_app_key, app.cloud_app_key, app.environment,
       app.access_scopes, app.forge_app_id, migration.migration_scope_id, migration.name,
       migration.created_at AS migration_created_at, scope.cloud_url,
       claim_confirmed AND claim_seen_at > now() - interval '5 seconds' AS claim_noted,
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
