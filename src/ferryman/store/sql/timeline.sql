-- name: write_entries!
-- insert_uploads and acknowledge_messages also write entries, which saves a round trip there.
INSERT INTO timeline (transfer_id, at, kind, data)
SELECT transfer_id, :now, kind, data
FROM unnest(CAST(:transfer_ids AS uuid[]), CAST(:kinds AS text[]), CAST(:data AS jsonb[]))
    WITH ORDINALITY AS entry (transfer_id, kind, data, place)
ORDER BY place;

-- name: timeline_page
SELECT seq, at, kind, data FROM timeline
WHERE transfer_id = :transfer_id AND seq > :after
    AND (CAST(:kind AS text) IS NULL OR kind = :kind OR starts_with(kind, :kind || '.'))
ORDER BY seq
LIMIT :size;
