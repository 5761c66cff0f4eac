-- name: insert_app_call!
-- Calls that name neither a transfer of the app nor one of its files are not recorded.
INSERT INTO app_call (transfer_id, at, method, path, query, status, request, request_size,
                      request_sha256, answer, answer_size, answer_sha256)
SELECT transfer_id, :now, :method, :path, :query, :status, :request, :request_size,
       :request_sha256, :answer, :answer_size, :answer_sha256
FROM transfer
WHERE app_id = :app_id AND transfer_id = coalesce(
    (SELECT app_data.transfer_id FROM app_data WHERE key = :named), :named);

-- name: app_call_page
SELECT * FROM app_call WHERE transfer_id = :transfer_id AND call_id > :after
ORDER BY call_id LIMIT :size;

-- name: messages_by_first_attempt
-- Messages that were never tried are sorted by creation time.
SELECT * FROM (
    SELECT message.*, coalesce(
        (SELECT min(started_at) FROM attempt WHERE attempt.message_id = message.message_id),
        created_at) AS first_at
    FROM message WHERE transfer_id = :transfer_id) tried
WHERE (first_at, position) > (:after_at, :after_position)
ORDER BY first_at, position
LIMIT :size;

-- name: containers_of
SELECT * FROM container WHERE migration_id = :migration_id ORDER BY position;

-- name: mapping_page_as_of
-- The value of each key when the transfer ended, walking the index key by key. Values written
-- later, or at that instant by a later migration, are ignored in favour of earlier ones.
SELECT mapping.server_key, stood.cloud_key FROM mapping
CROSS JOIN LATERAL (
    SELECT written.cloud_key, written.written_at FROM (
        SELECT mapping.cloud_key, mapping.written_at, mapping.writer
        UNION ALL
        SELECT earlier.cloud_key, earlier.written_at, earlier.writer
        FROM mapping_earlier earlier
        WHERE earlier.namespace_id = mapping.namespace_id
            AND earlier.server_key = mapping.server_key
    ) written
    WHERE written.written_at < :ended_at
        OR (written.written_at = :ended_at AND written.writer <= :writer)
    ORDER BY written.written_at DESC, written.writer DESC
    LIMIT 1
) stood
WHERE mapping.namespace_id = (
    SELECT namespace_id FROM mapping_namespace
    WHERE migration_scope_id = :migration_scope_id AND namespace = :namespace
) AND mapping.server_key > :after AND stood.written_at > :written_after
ORDER BY mapping.server_key
LIMIT :size;

-- name: unsure_mappings$
-- Keys that may have had another value, or none, while the transfer ran. They were written after
-- it started, by a migration that was created before it ended: a later migration preserves what
-- it overwrites in mapping_earlier.
SELECT count(*) FROM (
    SELECT namespace_id, writer, written_at FROM mapping
    UNION ALL
    SELECT namespace_id, writer, written_at FROM mapping_earlier
) written
JOIN mapping_namespace USING (namespace_id)
LEFT JOIN migration ON migration.number = written.writer
WHERE mapping_namespace.migration_scope_id = :migration_scope_id
    AND (written_at = :ended_at AND writer > :writer
        OR written_at > :started_at AND (migration.created_at > :ended_at) IS NOT TRUE);

-- name: any_migration$
SELECT EXISTS (SELECT FROM migration);
