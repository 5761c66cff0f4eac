-- name: insert_upload!
INSERT INTO upload (upload_id, transfer_id, key, store_ref, label, state, created_at)
VALUES (:upload_id, :transfer_id, :key, :store_ref, :label, 'OPEN', :now);

-- name: upload_by_id^
SELECT upload.* FROM upload JOIN transfer USING (transfer_id)
WHERE upload_id = :upload_id AND app_id = :app_id;

-- name: set_upload_state!
UPDATE upload SET state = :state WHERE upload_id = :upload_id;
