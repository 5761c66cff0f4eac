-- name: own_tables
-- Every table of the platform's schema, with the columns that a copy carries.
SELECT relname::text AS name, array_agg(attname::text ORDER BY attnum) AS columns
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind = 'r'
    AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
GROUP BY relname
ORDER BY relname;

-- name: own_sequences
SELECT sequencename::text AS name, last_value FROM pg_sequences
WHERE schemaname = current_schema() AND last_value IS NOT NULL
ORDER BY sequencename;

-- name: own_constraints
-- Keys, and references to them; the references come first.
SELECT conrelid::regclass::text AS of_table, quote_ident(conname) AS name,
       pg_get_constraintdef(oid) AS definition, contype = 'f' AS refers
FROM pg_constraint
WHERE connamespace = to_regnamespace(quote_ident(current_schema())) AND conrelid <> 0
    AND contype IN ('f', 'p', 'u', 'x')
ORDER BY contype = 'f' DESC, conrelid, conname;

-- name: own_indexes
-- Those of no constraint.
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind = 'r'
    AND NOT EXISTS (SELECT FROM pg_constraint
        WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
ORDER BY indexrelid;

-- name: objects_in_schema$
SELECT count(*) FROM pg_class
WHERE relnamespace = to_regnamespace(quote_ident(current_schema()));

-- name: set_sequence!
SELECT setval(CAST(:name AS text)::regclass, :last_value);

-- name: files_to_keep*
-- Files that a backup needs. Parts are told only where the file as a whole has no digest.
SELECT key, size, sha256, parts_sha256,
       CASE WHEN sha256 IS NULL THEN
           ARRAY(SELECT (part ->> 'size')::bigint FROM jsonb_array_elements(parts)
               WITH ORDINALITY AS of (part, place) ORDER BY place)
       END AS part_sizes
FROM app_data WHERE deleted_at IS NULL
UNION ALL
SELECT file_key, size, sha256, NULL, NULL FROM app_object WHERE state = 'KEPT'
ORDER BY key;

-- name: kept_totals_of_all^
SELECT count(*) AS files, coalesce(sum(size), 0)::bigint AS bytes
FROM (SELECT size FROM app_data WHERE deleted_at IS NULL
      UNION ALL SELECT size FROM app_object WHERE state = 'KEPT') AS kept;

-- name: end_lost_files!
-- Files that were deleted while they were backed up.
WITH objects AS (
    UPDATE app_object SET state = 'GONE', app_site_id = NULL, key = ''
    WHERE file_key = ANY(:keys) AND state = 'KEPT')
UPDATE app_data SET deleted_at = :now WHERE key = ANY(:keys) AND deleted_at IS NULL;

-- name: open_uploads_in_parts
SELECT key FROM upload WHERE state = 'OPEN' AND store_ref = key::text;

-- name: schema_created_at$
SELECT min(applied_at)::text FROM schema_history;
