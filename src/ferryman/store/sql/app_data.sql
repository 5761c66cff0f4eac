-- name: accept_app_data!
-- Also completes the uploads, adds up their bytes and writes their entries of the timeline: one round
-- trip while the transfer is locked.
WITH file AS (
    INSERT INTO app_data (key, transfer_id, upload_id, message_id, label, size, sha256,
                          parts_sha256, parts, created_at)
    SELECT file.key, :transfer_id, file.upload_id, file.message_id, file.label, file.size,
           file.sha256, file.parts_sha256, file.parts, :now
    FROM unnest(CAST(:keys AS uuid[]), CAST(:upload_ids AS uuid[]), CAST(:message_ids AS uuid[]),
                CAST(:labels AS text[]), CAST(:sizes AS bigint[]), CAST(:digests AS text[]),
                CAST(:parts_digests AS text[]), CAST(:parts AS jsonb[]))
        AS file (key, upload_id, message_id, label, size, sha256, parts_sha256, parts)),
done AS (
    UPDATE upload SET state = 'COMPLETED'
    FROM unnest(CAST(:upload_ids AS uuid[])) AS wanted (id)
    WHERE upload_id = wanted.id),
-- A writer that failed may have tried again: each new file replaces one failed file with the same
-- claim and label that was given up before the new one began.
begun AS (
    SELECT claim, label, created_at,
           row_number() OVER (PARTITION BY claim, label ORDER BY created_at) AS nth
    FROM unnest(CAST(:upload_ids AS uuid[])) AS wanted (upload_id) JOIN upload USING (upload_id)
    WHERE label IS NOT NULL),
failed AS (
    SELECT upload_id, claim, label, given_up_at,
           row_number() OVER (PARTITION BY claim, label ORDER BY given_up_at) AS nth
    FROM upload WHERE transfer_id = :transfer_id AND reason = 'writer_failed'),
repeated AS (
    UPDATE upload SET reason = 'superseded'
    FROM failed JOIN begun USING (claim, label, nth)
    WHERE upload.upload_id = failed.upload_id AND begun.created_at >= failed.given_up_at),
logged AS (
    INSERT INTO timeline (transfer_id, at, kind, data)
    SELECT :transfer_id, :now, 'app_data.uploaded', data
    FROM unnest(CAST(:entries AS jsonb[])) WITH ORDINALITY AS entry (data, place)
    ORDER BY place)
UPDATE transfer
SET bytes = bytes + (SELECT sum(size) FROM unnest(CAST(:sizes AS bigint[])) AS size)
WHERE transfer_id = :transfer_id;

-- name: app_data_of_uploads
SELECT * FROM app_data WHERE upload_id = ANY(:upload_ids);

-- name: app_data_by_key^
SELECT * FROM app_data WHERE key = :key;

-- name: app_data_to_read^
-- A file, and what decides whether it may be read; its parts where they are asked for.
SELECT app_data.key, app_data.label, app_data.size, app_data.sha256, app_data.parts_sha256,
       transfer.app_id, migration_scope.cloud_url, app.access_scopes, transfer.declared_scopes,
       transfer.status, transfer.started_at, transfer.paused_at, transfer.life_added,
       CASE WHEN :with_parts::boolean THEN app_data.parts END AS parts
FROM app_data
JOIN transfer USING (transfer_id)
JOIN app USING (app_id)
JOIN migration USING (migration_id)
JOIN migration_scope USING (migration_scope_id)
WHERE app_data.key = :key;

-- name: app_data_parts$
SELECT parts FROM app_data WHERE key = :key;

-- name: app_data_page
SELECT key, label, size FROM app_data
WHERE transfer_id = :transfer_id AND key > :after
ORDER BY key
LIMIT :size;
