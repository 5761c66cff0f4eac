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

-- name: app_data_parts$
SELECT parts FROM app_data WHERE key = :key;

-- name: app_data_page
SELECT key, label, size FROM app_data
WHERE transfer_id = :transfer_id AND key > :after
ORDER BY key
LIMIT :size;
