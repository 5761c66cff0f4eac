-- name: create_staging#
-- Rows are copied here first: COPY itself knows no "last write wins".
CREATE TEMPORARY TABLE mapping_staging (
    namespace text, server_key text, cloud_key text, row bigint
) ON COMMIT DROP;

-- name: lift_time_limit#
-- Millions of rows may take longer than any other statement is allowed to.
SET LOCAL statement_timeout = 0;

-- name: merge_staging!
INSERT INTO mapping (migration_scope_id, namespace, server_key, cloud_key, written_at)
SELECT :migration_scope_id, namespace, server_key, cloud_key, :now
FROM (
    SELECT DISTINCT ON (namespace, server_key) namespace, server_key, cloud_key
    FROM mapping_staging
    ORDER BY namespace, server_key, row DESC
) latest
ON CONFLICT (migration_scope_id, namespace, server_key) DO UPDATE SET
    cloud_key = excluded.cloud_key, written_at = excluded.written_at;

-- name: staging_counts
SELECT namespace, count(DISTINCT server_key) AS stored
FROM mapping_staging GROUP BY namespace ORDER BY namespace;

-- name: find_mappings
SELECT server_key, cloud_key FROM mapping
WHERE migration_scope_id = :migration_scope_id AND namespace = :namespace
  AND server_key = ANY(:keys);

-- name: mapping_page
SELECT server_key, cloud_key FROM mapping
WHERE migration_scope_id = :migration_scope_id AND namespace = :namespace
  AND server_key > :after
ORDER BY server_key
LIMIT :size;
