-- name: attempt_page
-- Attempts of all transfers that have ended, in one of two orders; every filter may be null. Only
-- the part of the asked order is executed.
WITH wanted AS NOT MATERIALIZED (
    SELECT attempt.*, message.event_type, transfer.transfer_id, transfer.customer,
        app.cloud_app_key, app.environment
    FROM attempt
    JOIN message ON message.message_id = attempt.message_id
    JOIN transfer ON transfer.transfer_id = message.transfer_id
    JOIN migration ON migration.migration_id = transfer.migration_id
    JOIN app ON app.app_id = transfer.app_id
    WHERE (CAST(:customer AS text) IS NULL OR transfer.customer = :customer)
      AND (CAST(:customers AS text[]) IS NULL OR transfer.customer = ANY (:customers))
      AND (CAST(:app_id AS uuid) IS NULL OR transfer.app_id = :app_id)
      AND (CAST(:app_ids AS uuid[]) IS NULL OR transfer.app_id = ANY (:app_ids))
      AND (CAST(:transfer_id AS uuid) IS NULL OR message.transfer_id = :transfer_id)
      AND (CAST(:migration_id AS uuid) IS NULL OR transfer.migration_id = :migration_id)
      AND (CAST(:scope_ids AS uuid[]) IS NULL OR migration.migration_scope_id = ANY (:scope_ids))
      AND (CAST(:outcome AS text) IS NULL OR attempt.outcome = :outcome)
      AND (CAST(:cause AS text) IS NULL OR attempt.cause = :cause)
      AND (CAST(:status AS integer) IS NULL OR attempt.status = :status)
      AND (CAST(:text AS text) IS NULL
          OR search_words(coalesce(error_message, error)) @@ search_query(:text))
      AND (CAST(:since AS timestamptz) IS NULL OR attempt.started_at >= :since)
      AND (CAST(:until AS timestamptz) IS NULL OR attempt.started_at < :until)
)
(SELECT * FROM wanted
 WHERE CAST(:sort AS text) = 'newest' AND (started_at, message_id, number) < (:at, :id, :number)
 ORDER BY started_at DESC, message_id DESC, number DESC LIMIT :size)
UNION ALL
(SELECT * FROM wanted
 WHERE CAST(:sort AS text) = 'oldest' AND (started_at, message_id, number) > (:at, :id, :number)
 ORDER BY started_at, message_id, number LIMIT :size);

-- name: agent_page
-- Agents by what they last asked for, and by the transfers that they run now. An agent without a
-- name is one. Whoever sees some customers only, sees just the agents that run their transfers.
SELECT app_id, cloud_app_key, environment, agent, max(asked_at) AS asked_at,
    CAST(sum(running) AS bigint) AS running,
    CAST(extract(epoch FROM now() - max(seen_at)) AS float8) AS silence
FROM (
    SELECT app_id, coalesce(agent_id, '') AS agent, asked_at, 0 AS running,
        CAST(NULL AS timestamptz) AS seen_at
    FROM asking WHERE CAST(:customers AS text[]) IS NULL
    UNION ALL
    SELECT app_id, coalesce(claimed_by, ''), NULL, 1, claim_seen_at FROM transfer
    WHERE status = 'IN_PROGRESS' AND claims > 0
      AND (CAST(:customers AS text[]) IS NULL OR customer = ANY (:customers))) seen
JOIN app USING (app_id)
WHERE (CAST(:app_ids AS uuid[]) IS NULL OR app_id = ANY (:app_ids))
  AND (CAST(:text AS text) IS NULL OR position(lower(:text) IN lower(agent)) > 0)
  AND (app_id, agent) > (:id, :agent)
GROUP BY app_id, cloud_app_key, environment, agent
HAVING NOT :stuck OR sum(running) > 0 AND max(seen_at) < now() - CAST(:silent AS interval)
ORDER BY app_id, agent
LIMIT :size;
