-- name: write_entries!
-- insert_uploads and acknowledge_messages also write entries, which saves a round trip there.
INSERT INTO timeline (transfer_id, at, kind, data)
SELECT transfer_id, :now, kind, data
FROM unnest(CAST(:transfer_ids AS uuid[]), CAST(:kinds AS text[]), CAST(:data AS jsonb[]))
    WITH ORDINALITY AS entry (transfer_id, kind, data, place)
ORDER BY place;

-- fragment: own_entries
SELECT seq, at, kind, data FROM timeline
WHERE transfer_id = :transfer_id AND seq > :after AND seq < :before
    AND (CAST(:kind AS text) IS NULL OR kind = :kind OR starts_with(kind, :kind || '.'))
    AND (CAST(:message_id AS text) IS NULL OR data ->> 'messageId' = :message_id)

-- name: timeline_page
-- include: own_entries
ORDER BY seq
LIMIT :size;

-- name: timeline_newest
-- include: own_entries
ORDER BY seq DESC
LIMIT :size;
