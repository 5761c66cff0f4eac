-- name: insert_timeline!
INSERT INTO timeline (transfer_id, at, kind, data) VALUES (:transfer_id, :now, :kind, :data);

-- name: insert_timeline_entries!
INSERT INTO timeline (transfer_id, at, kind, data)
SELECT :transfer_id, :now, entry.kind, entry.data
FROM unnest(CAST(:kinds AS text[]), CAST(:datas AS jsonb[]))
    WITH ORDINALITY AS entry (kind, data, place)
ORDER BY place;

-- name: timeline_page
SELECT seq, at, kind, data FROM timeline
WHERE transfer_id = :transfer_id AND seq > :after
ORDER BY seq
LIMIT :size;
