-- Mappings in one round trip (ADR 81), whatever the statistics of the table say.

-- Statistics lag behind after millions of rows were loaded. A plan that sorts or scans a whole table
-- because it expects few rows is never right here: walk the index key by key.
CREATE FUNCTION mappings_of_keys(
    scope uuid, wanted text, given text[], since timestamptz,
    OUT server_keys text[], OUT cloud_keys text[]
) LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    SELECT array_agg(server_key), array_agg(cloud_key) INTO server_keys, cloud_keys
    FROM mapping
    WHERE namespace_id = (
        SELECT namespace_id FROM mapping_namespace
        WHERE migration_scope_id = scope AND namespace = wanted
    ) AND server_key = ANY(given) AND written_at > since;
END
$$;

-- In the order of their server keys.
CREATE FUNCTION mappings_after_key(
    scope uuid, wanted text, behind text, size integer, since timestamptz,
    OUT server_keys text[], OUT cloud_keys text[]
) LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    SELECT array_agg(server_key), array_agg(cloud_key) INTO server_keys, cloud_keys
    FROM (
        SELECT server_key, cloud_key FROM mapping
        WHERE namespace_id = (
            SELECT namespace_id FROM mapping_namespace
            WHERE migration_scope_id = scope AND namespace = wanted
        ) AND server_key > behind AND written_at > since
        ORDER BY server_key
        LIMIT size
    ) AS page;
END
$$;
