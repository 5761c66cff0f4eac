-- name: undelivered_page
-- Undelivered messages in the order they were created. Every filter may be null.
SELECT * FROM message
WHERE state = 'UNDELIVERED' AND position > :after
  AND (CAST(:customers AS text[]) IS NULL AND CAST(:apps AS text[]) IS NULL OR EXISTS (
      SELECT FROM transfer_owner owner WHERE owner.transfer_id = message.transfer_id
          AND in_reach(customer, cloud_app_key, :customers, :apps)))
  AND (CAST(:app_id AS uuid) IS NULL OR app_id = :app_id)
  AND (CAST(:transfer_id AS uuid) IS NULL OR transfer_id = :transfer_id)
  AND (CAST(:since AS timestamptz) IS NULL OR created_at >= :since)
  AND (CAST(:until AS timestamptz) IS NULL OR created_at < :until)
ORDER BY position
LIMIT :size;

-- name: hold_transfers
-- Returns whether each transfer has settled, which cannot change until the transaction ends.
SELECT transfer_id, settled_at IS NOT NULL AS settled, kind
FROM transfer JOIN app USING (app_id)
WHERE transfer_id = ANY(:transfer_ids)
ORDER BY transfer_id
FOR SHARE OF transfer;

-- name: reset_messages!
-- Like reset_message, for many messages; null allows unlimited attempts.
UPDATE message SET state = 'PENDING', reason = NULL, worker_id = NULL,
    next_attempt_at = CASE WHEN NOT EXISTS (
        SELECT FROM transfer
        WHERE transfer.transfer_id = message.transfer_id AND paused_at IS NOT NULL) THEN CAST(:now AS timestamptz) END,
    earlier = attempts, allowed = attempts + again.more, reached = '{}'
FROM unnest(CAST(:message_ids AS uuid[]), CAST(:more AS integer[])) AS again (message_id, more)
WHERE message.message_id = again.message_id;
