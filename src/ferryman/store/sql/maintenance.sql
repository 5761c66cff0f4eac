-- name: transfers_with_details
-- Settled before the given time, with details left and no message pending.
SELECT transfer_id FROM transfer
WHERE settled_at <= :before AND details_removed_at IS NULL
  AND NOT EXISTS (
      SELECT FROM message WHERE message.transfer_id = transfer.transfer_id AND state = 'PENDING')
ORDER BY settled_at
LIMIT :size;

-- name: details_removed!
UPDATE transfer SET details_removed_at = :now WHERE transfer_id = ANY(:transfer_ids);

-- name: remove_attempts$
WITH gone AS (
    DELETE FROM attempt WHERE ctid = ANY(ARRAY(
        SELECT attempt.ctid FROM message JOIN attempt USING (message_id)
        WHERE transfer_id = ANY(:transfer_ids) AND message.worker_id IS NULL
        LIMIT :size))
    RETURNING 1)
SELECT count(*) FROM gone;

-- name: remove_timeline$
WITH gone AS (
    DELETE FROM timeline WHERE seq = ANY(ARRAY(
        SELECT seq FROM timeline WHERE transfer_id = ANY(:transfer_ids) LIMIT :size))
    RETURNING 1)
SELECT count(*) FROM gone;

-- name: remove_missing_mappings!
DELETE FROM mapping_missing WHERE transfer_id = ANY(:transfer_ids);

-- name: settled_page
SELECT settled_at, transfer_id, migration_id FROM transfer
WHERE settled_at <= :before AND (settled_at, transfer_id) > (:after_at, :after_id)
ORDER BY settled_at, transfer_id
LIMIT :size;

-- name: migrations_over
-- All of their transfers settled before the given time, with no message pending and no file that
-- the store may still hold: a sweep after the file's end has looked for its object.
SELECT migration_id FROM migration
WHERE migration_id = ANY(:migration_ids)
  AND NOT EXISTS (
      SELECT FROM transfer
      WHERE transfer.migration_id = migration.migration_id
        AND (settled_at IS NULL OR settled_at > :before OR details_removed_at IS NULL
            OR EXISTS (
                SELECT FROM message
                WHERE message.transfer_id = transfer.transfer_id
                  AND (state = 'PENDING' OR worker_id IS NOT NULL))
            OR EXISTS (
                SELECT FROM upload LEFT JOIN app_data USING (upload_id)
                WHERE upload.transfer_id = transfer.transfer_id
                  AND (state = 'OPEN' OR CAST(:swept AS timestamptz) IS NULL
                      OR settled_at + interval '1 day' > :swept
                      OR (app_data.key IS NOT NULL
                          AND (deleted_at IS NULL OR deleted_at >= :swept))))));

-- name: remove_messages$
-- Attempts that were recorded late are deleted with their messages.
WITH chosen AS (
    SELECT message_id FROM message
    WHERE transfer_id IN (SELECT transfer_id FROM transfer WHERE migration_id = :migration_id)
      AND state <> 'PENDING' AND worker_id IS NULL
    LIMIT :size
    FOR UPDATE SKIP LOCKED
), attempts AS (
    DELETE FROM attempt WHERE message_id IN (SELECT message_id FROM chosen)
), gone AS (
    DELETE FROM message WHERE message_id = ANY(ARRAY(SELECT message_id FROM chosen)) RETURNING 1)
SELECT count(*) FROM gone;

-- name: remove_uploads$
WITH chosen AS (
    SELECT upload_id FROM upload
    WHERE transfer_id IN (SELECT transfer_id FROM transfer WHERE migration_id = :migration_id)
    LIMIT :size
), files AS (
    DELETE FROM app_data WHERE upload_id IN (SELECT upload_id FROM chosen)
), gone AS (
    DELETE FROM upload WHERE upload_id = ANY(ARRAY(SELECT upload_id FROM chosen)) RETURNING 1)
SELECT count(*) FROM gone;

-- name: remove_transfers$
-- All transfers of a migration in one statement, since they refer to each other; also whatever
-- was added to them after their details were removed.
WITH chosen AS (
    SELECT transfer_id FROM transfer WHERE migration_id = :migration_id
), entries AS (
    DELETE FROM timeline WHERE transfer_id IN (SELECT transfer_id FROM chosen)
), missing AS (
    DELETE FROM mapping_missing WHERE transfer_id IN (SELECT transfer_id FROM chosen)
), gone AS (
    DELETE FROM transfer WHERE migration_id = :migration_id RETURNING 1)
SELECT count(*) FROM gone;

-- name: remove_migration!
WITH containers AS (DELETE FROM container WHERE migration_id = :migration_id)
DELETE FROM migration WHERE migration_id = :migration_id;

-- name: all_namespaces
SELECT namespace_id, namespace FROM mapping_namespace;

-- name: remove_mappings$
-- Rows locked by a running load are about to be written again, so they are skipped.
WITH gone AS (
    DELETE FROM mapping WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM mapping
        WHERE written_at <= :before AND namespace_id = ANY(:namespace_ids)
        LIMIT :size
        FOR UPDATE SKIP LOCKED))
    RETURNING 1)
SELECT count(*) FROM gone;

-- name: remove_earlier_mappings$
WITH gone AS (
    DELETE FROM mapping_earlier WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM mapping_earlier
        WHERE written_at <= :before AND namespace_id = ANY(:namespace_ids)
        LIMIT :size
        FOR UPDATE SKIP LOCKED))
    RETURNING 1)
SELECT count(*) FROM gone;
