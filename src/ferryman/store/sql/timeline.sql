-- name: insert_timeline!
INSERT INTO timeline (transfer_id, at, kind, data) VALUES (:transfer_id, :now, :kind, :data);

-- name: timeline_page
SELECT seq, at, kind, data FROM timeline
WHERE transfer_id = :transfer_id AND seq > :after
ORDER BY seq
LIMIT :size;
