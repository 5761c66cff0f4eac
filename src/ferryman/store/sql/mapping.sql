-- name: lift_time_limit!
-- Loading millions of rows may take longer than the limit for other statements.
SET LOCAL statement_timeout = 0;

-- name: lock_mappings!
-- Loads of one scope run one after another, so that the last one wins as a whole.
SELECT pg_advisory_xact_lock(uuid_hash_extended(:migration_scope_id, 0));

-- name: walk_indexes^
-- Statistics lag behind after millions of rows were loaded. A plan that sorts or scans a whole
-- table because it expects few rows is never right here: walk the index key by key.
SELECT
    set_config('enable_seqscan', 'off', true),
    set_config('enable_bitmapscan', 'off', true),
    set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true),
    set_config('enable_sort', 'off', true);

-- name: writer_number$
SELECT number FROM migration WHERE migration_id = :migration_id;

-- name: number_namespaces
-- Returns the number of each namespace, assigning one to those that are new.
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
-- Upserts rows; the previous values of other migrations move to mapping_earlier. Returns how many
-- of the rows this same load had written before.
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

-- name: transfer_with_mappings^
-- The transfer is checked by the caller before anything of the mappings is shown.
SELECT transfer.*, around.*, found.*,
       claim_confirmed AND claim_seen_at > now() - interval '5 seconds' AS claim_noted
FROM transfer JOIN app_in_migration around USING (app_id, migration_id)
CROSS JOIN LATERAL mappings_of_keys(
    around.migration_scope_id, CAST(:namespace AS text), CAST(:keys AS text[]),
    CAST(:written_after AS timestamptz)) AS found
WHERE transfer_id = :transfer_id;

-- name: transfer_with_mapping_page^
SELECT transfer.*, around.*, found.*,
       claim_confirmed AND claim_seen_at > now() - interval '5 seconds' AS claim_noted
FROM transfer JOIN app_in_migration around USING (app_id, migration_id)
CROSS JOIN LATERAL mappings_after_key(
    around.migration_scope_id, CAST(:namespace AS text), CAST(:after AS text),
    CAST(:size AS integer), CAST(:written_after AS timestamptz)) AS found
WHERE transfer_id = :transfer_id;

-- name: scope_namespaces
SELECT namespace, namespace_id FROM mapping_namespace
WHERE migration_scope_id = :migration_scope_id AND namespace >= :from_namespace
ORDER BY namespace;

-- name: loaded_heads
-- Key prefixes up to the first slash: those of :heads that occur, and the first few others, with
-- one index look-up each. '0' is the character after the slash.
WITH RECURSIVE wanted AS (
    SELECT namespace_id FROM mapping_namespace
    WHERE migration_scope_id = :migration_scope_id AND namespace = :namespace
), walk (head, behind, step) AS (
    SELECT CAST(NULL AS text) COLLATE "C", CAST('' AS text) COLLATE "C", 0
    UNION ALL
    SELECT
        CASE WHEN server_key LIKE '%/%' THEN split_part(server_key, '/', 1) || '/' END,
        CASE WHEN server_key LIKE '%/%' THEN split_part(server_key, '/', 1) || '0'
            ELSE server_key || chr(1) END,
        step + 1
    FROM walk, LATERAL (
        SELECT server_key FROM mapping
        WHERE namespace_id = (SELECT namespace_id FROM wanted)
          AND server_key >= behind COLLATE "C"
        ORDER BY server_key LIMIT 1
    ) AS next
    WHERE step < :steps
)
SELECT head FROM walk WHERE head IS NOT NULL
UNION
SELECT head FROM unnest(CAST(:heads AS text[])) AS head
WHERE EXISTS (
    SELECT 1 FROM mapping
    WHERE namespace_id = (SELECT namespace_id FROM wanted)
      AND server_key > head COLLATE "C" AND server_key < (left(head, -1) || '0') COLLATE "C"
);

-- name: mapping_key_ahead$
-- The key :places further on, or null if fewer are left.
SELECT server_key FROM mapping
WHERE namespace_id = :namespace_id AND server_key > :after
ORDER BY server_key OFFSET :places - 1 LIMIT 1;

-- name: listed_mappings
-- Keys after :after that begin with :prefix; :greatest is the prefix and the greatest character.
SELECT server_key, cloud_key, written_at FROM mapping
WHERE namespace_id = :namespace_id AND server_key > :after AND server_key >= :prefix
    AND server_key <= :greatest AND written_at > :written_after
ORDER BY server_key
LIMIT :size;

-- name: mappings_of_cloud_key
-- Like `listed_mappings`, up to :last, and of one cloud key only. There is no index of cloud keys,
-- which every load would have to fill: the keys in between are read.
SELECT server_key, cloud_key, written_at FROM mapping
WHERE namespace_id = :namespace_id AND server_key > :after AND server_key >= :prefix
    AND server_key <= :greatest AND written_at > :written_after
    AND (cast(:last AS text) IS NULL OR server_key <= :last COLLATE "C")
    AND cloud_key = :cloud_key
ORDER BY server_key
LIMIT :size;

-- name: mapping_differences
-- Keys for which two migrations wrote different values, or only one wrote any. The last writer's
-- value is in mapping; the value of an earlier one is in mapping_earlier.
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
-- If another call wrote since ours read :seen, both sets are kept until the next write.
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
    AND (CAST(:namespace AS text) IS NULL OR namespace = :namespace)
ORDER BY namespace, wrong_form
LIMIT :size;
