-- name: plan_by_values!
-- Plans the statements of this transaction for the values they are given: a filter that is null is
-- dropped, and one that is not is read from its index. Otherwise one plan would serve all filters.
-- Memoize would set up a hash table for as many rows as the table has, for a page of a few.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('enable_seqscan', 'off', true),
       set_config('enable_memoize', 'off', true);

-- fragment: matching_transfers
-- The page and the total select by the same filters, each of which may be null. Every transfer has an
-- app, a migration and a scope; joined this way, they aren't read where nothing of them is needed.
FROM transfer
LEFT JOIN app USING (app_id)
LEFT JOIN migration USING (migration_id)
LEFT JOIN migration_scope scope USING (migration_scope_id)
WHERE (CAST(:customer AS text) IS NULL OR transfer.customer = :customer)
  AND (CAST(:customers AS text[]) IS NULL OR transfer.customer = ANY (:customers))
  AND (CAST(:app_id AS uuid) IS NULL OR transfer.app_id = :app_id)
  AND (CAST(:app_ids AS uuid[]) IS NULL OR transfer.app_id = ANY (:app_ids))
  AND (CAST(:migration_id AS uuid) IS NULL OR transfer.migration_id = :migration_id)
  AND (CAST(:scope_ids AS uuid[]) IS NULL OR migration.migration_scope_id = ANY (:scope_ids))
  AND (CAST(:status AS text) IS NULL OR transfer.status = :status)
  AND (CAST(:since AS timestamptz) IS NULL OR transfer.created_at >= :since)
  AND (CAST(:until AS timestamptz) IS NULL OR transfer.created_at < :until)
  AND (CAST(:among AS uuid[]) IS NULL OR transfer.transfer_id = ANY (:among))
  AND (CAST(:archived AS boolean) IS NULL OR (transfer.archived_at IS NOT NULL) = :archived)
  AND (CAST(:text AS text) IS NULL OR transfer.words @@ search_query(:text))
  AND (CAST(:cause AS text) IS NULL OR EXISTS (
      SELECT FROM message JOIN attempt
          ON attempt.message_id = message.message_id AND attempt.number = message.attempts
      WHERE message.transfer_id = transfer.transfer_id AND attempt.cause = :cause))
  AND (CAST(:stuck_at AS timestamptz) IS NULL
      OR transfer.status IN ('READY', 'IN_PROGRESS') AND stuck_from(transfer) < :stuck_at)

-- name: transfer_page
-- Transfers of all migrations in one of four orders; every filter may be null. Only the part of the
-- asked order is executed.
WITH wanted AS NOT MATERIALIZED (
    SELECT transfer.*, app.kind, app.server_app_key, app.cloud_app_key, app.environment,
           app.access_scopes, app.forge_app_id, migration.migration_scope_id, migration.name,
           migration.created_at AS migration_created_at, scope.cloud_url, scope.source_id,
           claim_confirmed AND claim_seen_at > now() - interval '5 seconds' AS claim_noted,
           greatest(transfer.started_at, last_upload_at, last_success_at, granted_at)
               + make_interval(secs => transfer.window_seconds) AS deadline
    -- include: matching_transfers
)
(SELECT * FROM wanted
 WHERE CAST(:sort AS text) = 'newest' AND (created_at, transfer_id) < (:at, :id)
 ORDER BY created_at DESC, transfer_id DESC LIMIT :size)
UNION ALL
(SELECT * FROM wanted
 WHERE CAST(:sort AS text) = 'oldest' AND (created_at, transfer_id) > (:at, :id)
 ORDER BY created_at, transfer_id LIMIT :size)
UNION ALL
(SELECT * FROM wanted
 WHERE CAST(:sort AS text) = 'settled' AND settled_at <= :at AND (settled_at, transfer_id) < (:at, :id)
 ORDER BY settled_at DESC, transfer_id DESC LIMIT :size)
UNION ALL
(SELECT * FROM wanted
 WHERE CAST(:sort AS text) = 'deadline' AND status = 'IN_PROGRESS' AND (deadline, transfer_id) > (:at, :id)
 ORDER BY deadline, transfer_id LIMIT :size);

-- name: transfer_total$
-- How many there are, up to a number.
SELECT count(*) FROM (
    SELECT
    -- include: matching_transfers
      AND (CAST(:sort AS text) <> 'deadline' OR transfer.status = 'IN_PROGRESS')
      AND (CAST(:sort AS text) <> 'settled' OR transfer.settled_at IS NOT NULL)
    LIMIT :most) wanted;

-- name: transfers_of_text$
-- The transfers with words in their names; null if there are many. A word that is common among the
-- newest ones is not looked up: its list in the index may be as long as the table.
SELECT CASE WHEN newest.fitting < 20 THEN (
    SELECT CASE WHEN count(*) < :most THEN coalesce(array_agg(transfer_id), '{}') END FROM (
        SELECT transfer_id FROM transfer WHERE words @@ search_query(:text) LIMIT :most) found) END
FROM (
    SELECT count(*) AS fitting FROM (
        SELECT words FROM transfer ORDER BY created_at DESC, transfer_id DESC LIMIT 100) recent
    WHERE words @@ search_query(:text)) newest;

-- name: transfers_of_cause$
-- The transfers of attempts that failed for a cause; null if there are too many of these.
SELECT CASE WHEN count(*) < :most THEN coalesce(array_agg(DISTINCT transfer_id), '{}') END FROM (
    SELECT message_id FROM attempt WHERE cause = :cause LIMIT :most) failed
JOIN message USING (message_id);
