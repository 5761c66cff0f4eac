-- name: insert_upload$
-- Nothing is inserted where another upload of the transfer has the resume key already.
WITH begun AS (
    INSERT INTO upload (upload_id, transfer_id, key, store_ref, label, resume_key, state,
                        created_at)
    VALUES (:upload_id, :transfer_id, :key, :store_ref, :label, :resume_key, 'OPEN', :now)
    ON CONFLICT (transfer_id, resume_key) WHERE resume_key IS NOT NULL AND state <> 'ABORTED'
    DO NOTHING
    RETURNING upload_id, transfer_id),
told AS (
    INSERT INTO timeline (transfer_id, at, kind, data)
    SELECT transfer_id, :now, 'upload.begun', :told FROM begun)
SELECT upload_id FROM begun;

-- name: upload_by_id^
SELECT upload.* FROM upload JOIN transfer USING (transfer_id)
WHERE upload_id = :upload_id AND app_id = :app_id;

-- name: uploads_by_ids
SELECT upload.* FROM upload JOIN transfer USING (transfer_id)
WHERE upload_id = ANY(:upload_ids) AND app_id = :app_id;

-- name: upload_to_resume^
SELECT * FROM upload
WHERE transfer_id = :transfer_id AND resume_key = :resume_key AND state <> 'ABORTED';

-- name: set_upload_store_ref$
UPDATE upload SET store_ref = :after
WHERE upload_id = :upload_id AND store_ref = :before AND state = 'OPEN'
RETURNING upload_id;

-- name: set_upload_state!
UPDATE upload SET state = :state WHERE upload_id = :upload_id;
