-- name: app_data_files
-- Files with their parts. A page with too many parts is cut short, but has at least one file.
-- Both filters may be null. NONE matches files that are not acknowledged.
SELECT * FROM (
    SELECT page.*,
           count(*) OVER () AS found,
           row_number() OVER (ORDER BY page.key) AS place,
           sum(jsonb_array_length(parts)) OVER (ORDER BY page.key) AS parts_so_far
    FROM (SELECT app_data.*, message.acknowledgement, message.acknowledged_at
          FROM app_data LEFT JOIN message USING (message_id)
          WHERE app_data.transfer_id = :transfer_id AND key > :after
            AND (CAST(:label AS text) IS NULL OR label = :label)
            AND (CAST(:acknowledgement AS text) IS NULL
                OR coalesce(acknowledgement, 'NONE') = :acknowledgement)
          ORDER BY key LIMIT :size + 1) page) numbered
WHERE place <= :size AND (place = 1 OR parts_so_far <= :most_parts)
ORDER BY key;

-- name: kept_totals^
SELECT count(*) AS files, coalesce(sum(size), 0)::bigint AS bytes FROM app_data
WHERE transfer_id = :transfer_id AND deleted_at IS NULL;

-- name: uploads_without_file
-- Only uploads that may have left an object: given up, or part of a settled transfer.
SELECT upload.key, upload.label FROM upload JOIN transfer USING (transfer_id)
LEFT JOIN app_data USING (upload_id)
WHERE upload.transfer_id = :transfer_id AND app_data.key IS NULL AND upload.key > :after
    AND (state = 'ABORTED' OR settled_at IS NOT NULL)
ORDER BY upload.key
LIMIT :size;

-- name: kept_after
-- An object of an app counts as a file of one part.
(SELECT key, size, sha256, parts FROM app_data
 WHERE key > :after AND deleted_at IS NULL
 ORDER BY key
 LIMIT :size)
UNION ALL
(SELECT file_key, size, sha256, jsonb_build_array(
     jsonb_build_object('number', 1, 'etag', sha256, 'size', size, 'sha256', sha256))
 FROM app_object WHERE file_key > :after AND state = 'KEPT'
 ORDER BY file_key
 LIMIT :size)
ORDER BY key
LIMIT :size;
