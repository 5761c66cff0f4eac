-- name: app_data_files
-- Files with their parts; a page of files with many parts is cut, but never to nothing.
SELECT * FROM (
    SELECT page.*, message.acknowledgement, message.acknowledged_at,
           count(*) OVER () AS found,
           row_number() OVER (ORDER BY page.key) AS place,
           sum(jsonb_array_length(parts)) OVER (ORDER BY page.key) AS parts_so_far
    FROM (SELECT * FROM app_data WHERE transfer_id = :transfer_id AND key > :after
          ORDER BY key LIMIT :size + 1) page
    LEFT JOIN message USING (message_id)) numbered
WHERE place <= :size AND (place = 1 OR parts_so_far <= :most_parts)
ORDER BY key;

-- name: kept_totals^
SELECT count(*) AS files, coalesce(sum(size), 0)::bigint AS bytes FROM app_data
WHERE transfer_id = :transfer_id AND deleted_at IS NULL;

-- name: uploads_without_file
-- Uploads that can have left an object behind: given up, or of a transfer that has settled.
SELECT upload.key, upload.label FROM upload JOIN transfer USING (transfer_id)
LEFT JOIN app_data USING (upload_id)
WHERE upload.transfer_id = :transfer_id AND app_data.key IS NULL AND upload.key > :after
    AND (state = 'ABORTED' OR settled_at IS NOT NULL)
ORDER BY upload.key
LIMIT :size;
