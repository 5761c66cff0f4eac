-- name: earlier_transfers
-- Transfers of the same app in the same scope that sent something which can still be read.
SELECT transfer_id FROM transfer JOIN migration USING (migration_id)
WHERE migration_scope_id = :migration_scope_id AND app_id = :app_id
    AND transfer_id <> :transfer_id AND transfer.started_at > :started_after AND bytes > 0
ORDER BY transfer.started_at DESC, transfer_id
LIMIT :size;

-- name: held_parts
-- For each wanted part, a file of these transfers that has a part of the same digest and size, and
-- that begins with the part of digest "first". Read from an index of one transfer after the other,
-- so that files of others are never looked at. Of many with the same beginning, a few are.
WITH wanted AS (
    SELECT * FROM unnest(CAST(:firsts AS text[]), CAST(:digests AS text[]),
                         CAST(:sizes AS bigint[]))
        WITH ORDINALITY AS wanted (first, sha256, size, place))
SELECT place - 1 AS place, found.key, found.number, found.size, found.etag, found.sha256,
       found.start, found.alone
FROM wanted CROSS JOIN LATERAL (
    SELECT file.key, part.number, part.size, part.etag, part.sha256, part.start,
           jsonb_array_length(file.parts) = 1 AS alone
    FROM (
        SELECT app_data.key, app_data.parts
        FROM unnest(CAST(:transfer_ids AS uuid[])) AS earlier (transfer_id)
        JOIN app_data USING (transfer_id)
        WHERE deleted_at IS NULL AND parts -> 0 ->> 'sha256' = wanted.first
        LIMIT 8) file
    CROSS JOIN LATERAL (
        SELECT listed.*,
               CAST(sum(listed.size) OVER (ORDER BY listed.number) - listed.size AS bigint) AS start
        FROM jsonb_to_recordset(file.parts)
            AS listed (number integer, size bigint, etag text, sha256 text)) part
    WHERE part.sha256 = wanted.sha256 AND part.size = wanted.size
    LIMIT 1) found;
