-- name: write_entries!
-- Statements that write uploads, files, messages and acknowledgements write their own entries, which
-- saves a round trip there.
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
    AND (CAST(:since AS timestamptz) IS NULL OR at >= :since)
    AND (CAST(:until AS timestamptz) IS NULL OR at < :until)

-- name: timeline_page
-- include: own_entries
ORDER BY seq
LIMIT :size;

-- name: timeline_newest
-- include: own_entries
ORDER BY seq DESC
LIMIT :size;

-- name: timeline_ends^
-- The times of the first and of the last entry, which may have come before one that began later.
SELECT (SELECT at FROM timeline WHERE transfer_id = :transfer_id ORDER BY seq LIMIT 1) AS first,
    (SELECT max(at) FROM (
        SELECT at FROM timeline WHERE transfer_id = :transfer_id
        ORDER BY seq DESC LIMIT 100) newest) AS last;

-- name: entries_over_time
-- How many entries of each kind there are in each part of a time, by where the part begins, and how
-- many of them tell of a failure.
SELECT date_bin(CAST(:width AS interval), at, CAST(:since AS timestamptz)) AS part, kind,
    count(*) AS number,
    count(*) FILTER (WHERE kind
            IN ('attempt.failed', 'attempt.lost', 'message.undelivered', 'listener.threw')
        OR (kind = 'message.acknowledged' AND data ->> 'status' = 'FAILED')) AS failed
FROM timeline
WHERE transfer_id = :transfer_id AND at >= :since
  AND (CAST(:until AS timestamptz) IS NULL OR at < :until)
GROUP BY part, kind
ORDER BY part, kind;
