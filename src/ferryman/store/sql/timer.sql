-- name: next_timers
-- The earliest timers of transfers.
SELECT transfer_id, wake_at FROM transfer
WHERE wake_at IS NOT NULL AND transfer_id <> ALL(:skipped)
ORDER BY wake_at
LIMIT :size;

-- name: any_timer_due$
-- A timer stays due until the transaction it triggers commits, and so does a sweep.
SELECT EXISTS (SELECT FROM transfer WHERE wake_at <= :now)
    OR EXISTS (SELECT FROM sweep WHERE due_at <= :now);

-- name: lock_fired_transfer^
-- The row, if its timer is due and no other session has it.
SELECT *, claim_confirmed AND claim_seen_at > now() - interval '5 seconds' AS claim_noted
FROM transfer JOIN app_in_migration USING (app_id, migration_id)
WHERE transfer_id = :transfer_id AND wake_at <= :now
FOR NO KEY UPDATE OF transfer SKIP LOCKED;

-- name: set_timer!
UPDATE transfer SET wake_at = :wake_at WHERE transfer_id = :transfer_id;
