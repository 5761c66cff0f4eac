-- name: lift_time_limit#
-- Millions of rows may take longer than any other statement is allowed to.
SET LOCAL statement_timeout = 0;

-- name: lock_mappings$
-- Loads of one scope come one after another, so that the last of them wins as a whole.
SELECT pg_advisory_xact_lock(uuid_hash_extended(:migration_scope_id, 0));

-- name: walk_indexes^
-- Statistics are behind after millions of rows were loaded. A plan that sorts or reads a whole
-- table because it expects little is never right here: key by key, in the index's own order.
SELECT
    set_config('enable_seqscan', 'off', true),
    set_config('enable_bitmapscan', 'off', true),
    set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true),
    set_config('enable_sort', 'off', true);

-- name: writer_number$
SELECT number FROM migration WHERE migration_id = :migration_id;

-- name: number_namespaces
-- The number of each namespace of the scope, given now to those that have none.
WITH made AS (
    INSERT INTO mapping_namespace (migration_scope_id, namespace)
    SELECT :migration_scope_id, unnest(cast(:namespaces AS text[]))
    ON CONFLICT DO NOTHING
    RETURNING namespace, namespace_id
)
SELECT namespace, namespace_id FROM made
UNION ALL
SELECT namespace, namespace_id FROM mapping_namespace
WHERE migration_scope_id = :migration_scope_id AND namespace = ANY(:namespaces);

-- name: merge_mappings
-- Write rows of which some may be there already; what other migrations wrote is kept beside.
-- Answers how many of them this same load had written before.
WITH incoming AS MATERIALIZED (
    SELECT namespace_id, server_key COLLATE "C" AS server_key, cloud_key
    FROM unnest(
        cast(:namespace_ids AS integer[]), cast(:server_keys AS text[]), cast(:cloud_keys AS text[])
    ) AS incoming (namespace_id, server_key, cloud_key)
), present AS MATERIALIZED (
    SELECT mapping.* FROM incoming JOIN mapping USING (namespace_id, server_key)
), kept AS (
    INSERT INTO mapping_earlier (namespace_id, writer, written_at, server_key, cloud_key)
    SELECT namespace_id, writer, written_at, server_key, cloud_key
    FROM present WHERE writer <> :writer
    ON CONFLICT (namespace_id, server_key, writer) DO UPDATE SET
        cloud_key = excluded.cloud_key, written_at = excluded.written_at
), written AS (
    INSERT INTO mapping (namespace_id, writer, written_at, server_key, cloud_key)
    SELECT namespace_id, cast(:writer AS integer), cast(:now AS timestamptz), server_key, cloud_key
    FROM incoming
    ON CONFLICT (namespace_id, server_key) DO UPDATE SET
        writer = excluded.writer, written_at = excluded.written_at, cloud_key = excluded.cloud_key
)
SELECT namespace_id, count(*) AS repeated
FROM present WHERE writer = :writer AND written_at = :now
GROUP BY namespace_id;

-- name: find_mappings
SELECT server_key, cloud_key FROM mapping
WHERE namespace_id = (
    SELECT namespace_id FROM mapping_namespace
    WHERE migration_scope_id = :migration_scope_id AND namespace = :namespace
) AND server_key = ANY(:keys) AND written_at > :written_after;

-- name: mapping_page
SELECT server_key, cloud_key FROM mapping
WHERE namespace_id = (
    SELECT namespace_id FROM mapping_namespace
    WHERE migration_scope_id = :migration_scope_id AND namespace = :namespace
) AND server_key > :after AND written_at > :written_after
ORDER BY server_key
LIMIT :size;

-- name: scope_namespaces
SELECT namespace, namespace_id FROM mapping_namespace
WHERE migration_scope_id = :migration_scope_id AND namespace >= :from_namespace
ORDER BY namespace;

-- name: loaded_heads
-- Those of the heads, each ending in a slash, that keys of a namespace begin with.
SELECT head FROM unnest(CAST(:heads AS text[])) AS head
WHERE EXISTS (
    SELECT 1 FROM mapping JOIN mapping_namespace USING (namespace_id)
    WHERE migration_scope_id = :migration_scope_id AND namespace = :namespace
      AND server_key > head COLLATE "C" AND server_key < (left(head, -1) || '0') COLLATE "C"
);

-- name: mapping_key_ahead$
-- The key so many places further on, or null when fewer are left.
SELECT server_key FROM mapping
WHERE namespace_id = :namespace_id AND server_key > :after
ORDER BY server_key OFFSET :places - 1 LIMIT 1;

-- name: mapping_differences
-- Keys to which two migrations gave different values, or only one of them any. What a migration
-- wrote is in the mapping itself, or beside it when another one wrote the same key later.
SELECT server_key, old_key, new_key FROM (
    SELECT
        mapping.server_key,
        CASE WHEN mapping.writer = :old_writer THEN
            CASE WHEN mapping.written_at > :written_after THEN mapping.cloud_key END
        ELSE old.cloud_key END AS old_key,
        CASE WHEN mapping.writer = :new_writer THEN
            CASE WHEN mapping.written_at > :written_after THEN mapping.cloud_key END
        ELSE new.cloud_key END AS new_key
    FROM mapping
    LEFT JOIN mapping_earlier old
        ON old.namespace_id = mapping.namespace_id AND old.server_key = mapping.server_key
        AND old.writer = :old_writer AND old.written_at > :written_after
    LEFT JOIN mapping_earlier new
        ON new.namespace_id = mapping.namespace_id AND new.server_key = mapping.server_key
        AND new.writer = :new_writer AND new.written_at > :written_after
    WHERE mapping.namespace_id = :namespace_id AND mapping.server_key > :after
        AND (cast(:last AS text) IS NULL OR mapping.server_key <= :last COLLATE "C")
) valued
WHERE old_key IS DISTINCT FROM new_key
ORDER BY server_key
LIMIT :size;

-- name: missing_keys
SELECT wrong_form, keys FROM mapping_missing
WHERE transfer_id = :transfer_id AND namespace = :namespace;

-- name: save_missing_keys!
-- Someone else may have written since we looked: then both are kept until the next write.
INSERT INTO mapping_missing (transfer_id, namespace, wrong_form, keys, asked_at)
SELECT :transfer_id, :namespace, :wrong_form, :keys, :now
WHERE (SELECT count(*) FROM mapping_missing WHERE transfer_id = :transfer_id) < :rows
    OR EXISTS (
        SELECT FROM mapping_missing WHERE transfer_id = :transfer_id
            AND namespace = :namespace AND wrong_form = :wrong_form
    )
ON CONFLICT (transfer_id, namespace, wrong_form) DO UPDATE SET
    asked_at = excluded.asked_at,
    keys = CASE WHEN mapping_missing.keys = :seen THEN excluded.keys ELSE array(
        SELECT DISTINCT key FROM unnest(mapping_missing.keys || excluded.keys) key LIMIT 1000
    ) END;

-- name: missing_page
SELECT namespace, wrong_form, keys, asked_at FROM mapping_missing
WHERE transfer_id = :transfer_id
    AND (namespace, wrong_form) > (:after_namespace, :after_wrong)
ORDER BY namespace, wrong_form
LIMIT :size;
