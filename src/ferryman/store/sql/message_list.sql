-- fragment: matching_messages
-- The page and the total select by the same filters, each of which may be null. Every message has a
-- transfer and a migration; joined this way, they aren't read where no filter is about them.
FROM message
LEFT JOIN transfer ON transfer.transfer_id = message.transfer_id
LEFT JOIN migration ON migration.migration_id = transfer.migration_id
LEFT JOIN attempt last
    ON last.message_id = message.message_id AND last.number = message.attempts
LEFT JOIN app_data file ON file.message_id = message.message_id
WHERE (CAST(:customer AS text) IS NULL OR transfer.customer = :customer)
  AND (CAST(:customers AS text[]) IS NULL OR transfer.customer = ANY (:customers))
  AND (CAST(:app_id AS uuid) IS NULL OR transfer.app_id = :app_id)
  AND (CAST(:app_ids AS uuid[]) IS NULL OR transfer.app_id = ANY (:app_ids))
  AND (CAST(:transfer_id AS uuid) IS NULL OR message.transfer_id = :transfer_id)
  AND (CAST(:migration_id AS uuid) IS NULL OR transfer.migration_id = :migration_id)
  AND (CAST(:scope_ids AS uuid[]) IS NULL OR migration.migration_scope_id = ANY (:scope_ids))
  AND (CAST(:state AS text) IS NULL OR message.state = :state)
  AND (CAST(:event_types AS text[]) IS NULL OR message.event_type = ANY (:event_types))
  AND (CAST(:acknowledgement AS text) IS NULL
      OR :acknowledgement = 'NONE' AND message.acknowledgement IS NULL
      OR message.acknowledgement = :acknowledgement)
  AND (CAST(:since AS timestamptz) IS NULL OR message.created_at >= :since)
  AND (CAST(:until AS timestamptz) IS NULL OR message.created_at < :until)
  AND (CAST(:cause AS text) IS NULL OR last.cause = :cause)
  AND (CAST(:status AS integer) IS NULL OR last.cause IS NOT NULL AND last.status = :status)
  AND (CAST(:among AS uuid[]) IS NULL OR message.message_id = ANY (:among))
  AND (CAST(:label AS text) IS NULL OR lower(left(file.label, 100)) LIKE :label
      OR search_words(coalesce(last.error_message, last.error)) @@ search_query(:text))
  AND (CAST(:stuck_at AS timestamptz) IS NULL
      OR message.state = 'UNDELIVERED' AND message.acknowledgement IS NULL
      OR message.state = 'PENDING' AND message.worker_id IS NULL
          AND message.next_attempt_at < CAST(:stuck_at AS timestamptz) - interval '1 minute')

-- name: messages_page
-- Messages of all transfers, in the order in which they were created or in the reverse one. Every
-- filter may be null. NONE matches messages that are not acknowledged. Only the part of the asked
-- order is executed.
WITH wanted AS NOT MATERIALIZED (
    SELECT message.*
    -- include: matching_messages
)
(SELECT * FROM wanted
 WHERE CAST(:sort AS text) = 'oldest' AND position > :position
 ORDER BY position LIMIT :size)
UNION ALL
(SELECT * FROM wanted
 WHERE CAST(:sort AS text) = 'newest' AND position < :position
 ORDER BY position DESC LIMIT :size);

-- name: messages_total$
-- How many there are, up to a number.
SELECT count(*) FROM (
    SELECT
    -- include: matching_messages
    LIMIT :most) wanted;

-- name: message_groups
-- Messages by one of their properties, the largest group first; `most` messages are read at most.
SELECT value, count(*) AS number, min(created_at) AS oldest, max(created_at) AS newest,
    (array_agg(message_id ORDER BY position DESC))[1] AS message_id
FROM (
    SELECT message.message_id, message.position, message.created_at,
        CASE CAST(:by AS text)
            WHEN 'app' THEN CAST(transfer.app_id AS text)
            WHEN 'cause' THEN last.cause
            WHEN 'statusCode' THEN CAST(last.status AS text)
            WHEN 'label' THEN file.label
            WHEN 'event' THEN message.event_type
            WHEN 'state' THEN message.state
        END AS value
    -- include: matching_messages
    LIMIT :most) found
GROUP BY value
ORDER BY count(*) DESC, value
LIMIT :size;

-- name: messages_of_text$
-- Messages with files whose label begins so, and with attempts whose error has the words; null if
-- there are too many of these.
SELECT CASE WHEN count(*) < :most THEN coalesce(array_agg(DISTINCT message_id), '{}') END FROM (
    (SELECT message_id FROM app_data
     WHERE label IS NOT NULL AND lower(left(label, 100)) LIKE :label LIMIT :most)
    UNION ALL
    (SELECT message_id FROM attempt
     WHERE (error IS NOT NULL OR error_message IS NOT NULL)
       AND search_words(coalesce(error_message, error)) @@ search_query(:text) LIMIT :most)) found;

-- name: messages_of_cause$
SELECT CASE WHEN count(*) < :most THEN coalesce(array_agg(DISTINCT message_id), '{}') END FROM (
    SELECT message_id FROM attempt WHERE cause = :cause LIMIT :most) failed;

-- name: messages_unacknowledged$
-- Messages without an acknowledgement; null if there are too many. Those of files, of which nearly all
-- are acknowledged, and the others, of which nearly none is, have an index each.
SELECT CASE WHEN count(*) < :most THEN coalesce(array_agg(message_id), '{}') END FROM (
    (SELECT message_id FROM message
     WHERE acknowledgement IS NULL AND event_type = 'avi:ecosystem.migration:uploaded:app_data'
       AND (CAST(:event_types AS text[]) IS NULL OR event_type = ANY (:event_types))
     LIMIT :most)
    UNION ALL
    (SELECT message_id FROM message
     WHERE acknowledgement IS NULL AND event_type <> 'avi:ecosystem.migration:uploaded:app_data'
       AND (CAST(:event_types AS text[]) IS NULL OR event_type = ANY (:event_types))
     LIMIT :most)) found;

-- name: places_of_transfers
-- Where messages belong, for lists.
SELECT transfer_id, transfer.customer, cloud_app_key, environment, migration_id, migration.name,
    scope.cloud_url
FROM transfer
JOIN app USING (app_id)
JOIN migration USING (migration_id)
JOIN migration_scope scope USING (migration_scope_id)
WHERE transfer_id = ANY (:transfer_ids);
