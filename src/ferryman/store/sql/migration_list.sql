-- fragment: matching_migrations
-- The page and the total select by the same filters, each of which may be null. Every migration has
-- a scope; joined this way, it isn't read where no filter is about it.
FROM migration LEFT JOIN migration_scope scope USING (migration_scope_id)
WHERE (CAST(:customer AS text) IS NULL OR scope.customer = :customer)
  AND (CAST(:customers AS text[]) IS NULL OR scope.customer = ANY (:customers))
  AND (CAST(:scope_ids AS uuid[]) IS NULL OR migration.migration_scope_id = ANY (:scope_ids))
  AND (CAST(:name AS text) IS NULL OR position(lower(:name) IN lower(migration.name)) > 0)
  AND (CAST(:text AS text) IS NULL OR search_words(migration.name) @@ search_query(:text))
  AND (CAST(:since AS timestamptz) IS NULL OR migration.created_at >= :since)
  AND (CAST(:until AS timestamptz) IS NULL OR migration.created_at < :until)
  AND (CAST(:among AS uuid[]) IS NULL OR migration.migration_id = ANY (:among))
  AND (CAST(:archived AS boolean) IS NULL OR (migration.archived_at IS NOT NULL) = :archived)
  AND (CAST(:status AS text) IS NULL AND CAST(:app_id AS uuid) IS NULL
      AND CAST(:app_ids AS uuid[]) IS NULL AND CAST(:stuck_at AS timestamptz) IS NULL
      OR EXISTS (
          SELECT FROM transfer
          WHERE transfer.migration_id = migration.migration_id
            AND (CAST(:status AS text) IS NULL OR transfer.status = :status)
            AND (CAST(:app_id AS uuid) IS NULL OR transfer.app_id = :app_id)
            AND (CAST(:app_ids AS uuid[]) IS NULL OR transfer.app_id = ANY (:app_ids))
            AND (CAST(:stuck_at AS timestamptz) IS NULL
                OR transfer.status IN ('READY', 'IN_PROGRESS') AND stuck_from(transfer) < :stuck_at)
            AND NOT EXISTS (
                SELECT FROM transfer again
                WHERE again.migration_id = transfer.migration_id
                    AND again.original_transfer_id = transfer.transfer_id)
          -- Looked up for each migration: otherwise PostgreSQL would collect all such transfers.
          OFFSET 0))

-- name: migration_page
-- Migrations in one of two orders; every filter may be null. A re-run counts in place of its
-- original. Only the part of the asked order is executed.
WITH wanted AS NOT MATERIALIZED (
    SELECT migration.*, scope.customer, scope.source_id, scope.cloud_url
    -- include: matching_migrations
)
(SELECT * FROM wanted
 WHERE CAST(:sort AS text) = 'newest' AND (created_at, migration_id) < (:at, :id)
 ORDER BY created_at DESC, migration_id DESC LIMIT :size)
UNION ALL
(SELECT * FROM wanted
 WHERE CAST(:sort AS text) = 'oldest' AND (created_at, migration_id) > (:at, :id)
 ORDER BY created_at, migration_id LIMIT :size);

-- name: migration_total$
-- How many there are, up to a number.
SELECT count(*) FROM (
    SELECT
    -- include: matching_migrations
    LIMIT :most) wanted;

-- name: migrations_of_text$
-- Like `transfers_of_text`, for the names of migrations.
SELECT CASE WHEN newest.fitting < 20 THEN (
    SELECT CASE WHEN count(*) < :most THEN coalesce(array_agg(migration_id), '{}') END FROM (
        SELECT migration_id FROM migration
        WHERE search_words(name) @@ search_query(:text) LIMIT :most) found) END
FROM (
    SELECT count(*) AS fitting FROM (
        SELECT name FROM migration ORDER BY created_at DESC, migration_id DESC LIMIT 100) recent
    WHERE search_words(name) @@ search_query(:text)) newest;

-- name: migrations_of_name$
-- Like `transfers_of_text`, for a part of the names of migrations, of three characters or more.
SELECT CASE WHEN newest.fitting < 20 THEN (
    SELECT CASE WHEN count(*) < :most THEN coalesce(array_agg(migration_id), '{}') END FROM (
        SELECT migration_id FROM migration
        WHERE name_parts(name) @> name_parts(:name)
          AND position(lower(:name) IN lower(name)) > 0 LIMIT :most) found) END
FROM (
    SELECT count(*) AS fitting FROM (
        SELECT name FROM migration ORDER BY created_at DESC, migration_id DESC LIMIT 100) recent
    WHERE position(lower(:name) IN lower(name)) > 0) newest;

-- name: scopes_of_customers$
-- The migration scopes of customers; null if there are many. A list of them reads an index.
SELECT CASE WHEN count(*) < :most THEN coalesce(array_agg(migration_scope_id), '{}') END FROM (
    SELECT migration_scope_id FROM migration_scope
    WHERE customer = ANY (:customers) LIMIT :most) found;

-- fragment: wanted_transfers
WHERE (CAST(:status AS text) IS NULL OR status = :status)
  AND (CAST(:app_id AS uuid) IS NULL OR app_id = :app_id)
  AND (CAST(:app_ids AS uuid[]) IS NULL OR app_id = ANY (:app_ids))
  AND (CAST(:stuck_at AS timestamptz) IS NULL
      OR status IN ('READY', 'IN_PROGRESS') AND stuck_from(transfer) < :stuck_at)

-- name: migrations_of_transfers$
-- The migrations of transfers in a status, or of stuck ones; null if there are many. Whether there
-- are is asked first: for an app or a status alone an index answers that without a look at the rows.
SELECT CASE WHEN NOT EXISTS (
    SELECT FROM transfer
    -- include: wanted_transfers
    OFFSET :most - 1
) THEN (
    SELECT coalesce(array_agg(DISTINCT migration_id), '{}') FROM transfer
    -- include: wanted_transfers
) END;
