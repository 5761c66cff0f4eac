-- name: insert_transfer!
WITH made AS (
    INSERT INTO transfer (transfer_id, migration_id, app_id, original_transfer_id, created_at,
                          released_at, status, window_seconds, transfer_name, blocking, depends_on,
                          declared_scopes, position)
    VALUES (:transfer_id, :migration_id, :app_id, :original_transfer_id, :now, :released_at,
            'READY', :window_seconds, :transfer_name, :blocking, :depends_on, :declared_scopes,
            :position)
    RETURNING transfer_id)
INSERT INTO intake (transfer_id) SELECT transfer_id FROM made;

-- name: define_transfer!
-- The first transfer that a listener defines takes the place of the undivided one.
UPDATE transfer SET transfer_name = :transfer_name, blocking = :blocking,
    depends_on = :depends_on, declared_scopes = :declared_scopes
WHERE transfer_id = :transfer_id;

-- name: newest_of_each_name
-- A re-run replaces the transfer it repeats.
SELECT DISTINCT ON (transfer_name) transfer_id, transfer_name, status, blocking, depends_on,
       declared_scopes, position, original_transfer_id, skipped_by IS NOT NULL AS skipped
FROM transfer
WHERE migration_id = :migration_id AND app_id = :app_id AND transfer_name IS NOT NULL
ORDER BY transfer_name, created_at DESC, transfer_id;

-- name: record_skip!
UPDATE transfer SET skipped_by = :skipped_by WHERE transfer_id = :transfer_id;

-- name: transfer_by_id^
SELECT *, claim_confirmed AND claim_seen_at > now() - interval '5 seconds' AS claim_noted
FROM transfer JOIN app_in_migration USING (app_id, migration_id)
WHERE transfer_id = :transfer_id;

-- name: lock_transfer^
-- Serialises the commands on one transfer.
SELECT *, claim_confirmed AND claim_seen_at > now() - interval '5 seconds' AS claim_noted
FROM transfer JOIN app_in_migration USING (app_id, migration_id)
WHERE transfer_id = :transfer_id
FOR NO KEY UPDATE OF transfer;

-- name: transfers_of_migrations
SELECT migration_id, transfer_id, status, original_transfer_id, cloud_app_key, environment,
       transfer_name, blocking, depends_on, progress, files, bytes, paused_at
FROM transfer JOIN app USING (app_id)
WHERE migration_id = ANY (:migration_ids)
ORDER BY transfer.created_at, position, transfer_id;

-- name: save_transfer!
UPDATE transfer SET
    status = :status, started_at = :started_at, last_upload_at = :last_upload_at,
    last_success_at = :last_success_at, export_completed_at = :export_completed_at,
    returned_at = :returned_at, heartbeats = :heartbeats,
    cancel_requested_at = :cancel_requested_at,
    settled_at = CAST(:settled_at AS timestamptz), paused_at = :paused_at,
    granted_at = :granted_at, life_added = :life_added,
    listener_errored = :listener_errored, files = :files, succeeded = :succeeded,
    failed = :failed, progress = :progress,
    wake_at = CASE WHEN :settled_at IS NULL THEN wake_at END
WHERE transfer_id = :transfer_id;

-- name: release_transfers
-- Starting a migration offers its transfers to the agents.
UPDATE transfer SET released_at = :now, wake_at = NULL
WHERE migration_id = :migration_id AND released_at IS NULL AND status = 'READY'
RETURNING transfer_id;

-- name: next_claim$
SELECT transfer_id FROM claimable_transfer
WHERE app_id = ANY(:app_ids) AND may_claim(
    transfer_id, claims, claimed_by,
    claim_lost(claim_seen_at, claim_confirmed, :silence, :confirmation),
    ARRAY[CAST(:agent_id AS text)], :running)
ORDER BY released_at, created_at, position
LIMIT 1
FOR NO KEY UPDATE SKIP LOCKED;

-- name: offered_transfers
-- What `next_claim` would find for agents that wait: for all of them, or for those of one name.
SELECT app_id, CASE
    WHEN claims = 0 OR claim_lost(claim_seen_at, claim_confirmed, :silence, :confirmation)
    THEN NULL ELSE claimed_by END AS agent_id
FROM claimable_transfer
WHERE app_id = ANY(:app_ids) AND may_claim(
    transfer_id, claims, claimed_by,
    claim_lost(claim_seen_at, claim_confirmed, :silence, :confirmation), :agent_ids, :running);

-- name: record_claim$
-- After a lost claim, the files present do not show that the export is whole, so the new client
-- has to report its return (heartbeats).
UPDATE transfer SET claims = claims + 1, claimed_by = :agent_id, claimed_at = :now,
    claim_seen_at = now(), claim_confirmed = false,
    heartbeats = heartbeats OR claim_confirmed,
    declared_scopes = :declared_scopes,
    server_app_version = coalesce(:server_app_version, server_app_version)
WHERE transfer_id = :transfer_id
RETURNING claims;

-- name: record_claim_alive!
-- The client made a call. Written only if the last one is some seconds ago.
UPDATE transfer SET claim_seen_at = now(), claim_confirmed = true
WHERE transfer_id = :transfer_id AND claims = :claim;

-- name: record_heartbeat!
UPDATE transfer SET claim_seen_at = now(), claim_confirmed = true, heartbeats = true
WHERE transfer_id = :transfer_id AND claims = :claim;

-- name: record_listener_error!
UPDATE transfer SET listener_error = :error WHERE transfer_id = :transfer_id;

-- name: open_rerun$
SELECT transfer_id FROM transfer
WHERE original_transfer_id = :original_transfer_id
  AND status IN ('READY', 'IN_PROGRESS', 'CANCELLATION_REQUESTED')
LIMIT 1;

-- name: first_start$
SELECT started_at FROM transfer WHERE transfer_id = :transfer_id;

-- name: set_feedback!
UPDATE transfer SET feedback = :feedback WHERE transfer_id = :transfer_id;

-- name: set_status_message!
UPDATE transfer SET status_message = :message WHERE transfer_id = :transfer_id;

-- name: recent_transfers
-- An app's running transfers, newest first.
SELECT *, claim_confirmed AND claim_seen_at > now() - interval '5 seconds' AS claim_noted
FROM transfer JOIN app_in_migration USING (app_id, migration_id)
WHERE app_id = :app_id AND status IN ('IN_PROGRESS', 'CANCELLATION_REQUESTED')
ORDER BY created_at DESC, transfer_id
LIMIT :size;
