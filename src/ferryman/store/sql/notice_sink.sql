-- name: insert_sink^
INSERT INTO notice_sink (sink_id, name, kind, address, secret, customers, apps, kinds, created_at,
    created_by)
VALUES (:sink_id, :name, :kind, :address, :secret, :customers, :apps, :kinds, :now, :created_by)
ON CONFLICT (name) DO NOTHING
RETURNING *;

-- name: count_sinks$
SELECT count(*) FROM notice_sink;

-- name: all_sinks
SELECT * FROM notice_sink ORDER BY created_at, sink_id;

-- name: sink_by_name^
SELECT * FROM notice_sink WHERE name = :name;

-- name: remove_sink!
DELETE FROM notice_sink WHERE sink_id = :sink_id;

-- name: set_sink_secrets!
UPDATE notice_sink SET address = :address, secret = :secret WHERE sink_id = :sink_id;

-- name: sink_page
SELECT * FROM notice_sink
WHERE (created_at, sink_id) > (:at, :id)
ORDER BY created_at, sink_id
LIMIT :size;

-- name: sink_states
-- What the sinks were told: how much waits, what was told last, and what failed last.
SELECT sink_id, count(*) FILTER (WHERE due_at IS NOT NULL) AS waiting,
    count(*) FILTER (WHERE due_at IS NULL AND told_at IS NULL) AS given_up,
    max(told_at) AS told_at,
    (array_agg(error ORDER BY created_at DESC) FILTER (
        WHERE error IS NOT NULL AND told_at IS NULL))[1] AS error
FROM notice_telling
WHERE sink_id = ANY (CAST(:sink_ids AS uuid[]))
GROUP BY sink_id;

-- name: insert_tellings!
INSERT INTO notice_telling (telling_id, sink_id, notice_id, part, created_at, due_at)
SELECT telling_id, sink_id, :notice_id, :part, :now, :now
FROM unnest(CAST(:telling_ids AS uuid[]), CAST(:sink_ids AS uuid[])) AS new (telling_id, sink_id);

-- name: claim_tellings
-- One of each sink, so that one that hangs holds up no other. Who looks at the same time waits for
-- the row, and finds it claimed.
WITH due AS (
    SELECT DISTINCT ON (sink_id) telling_id FROM notice_telling
    WHERE due_at <= :now AND (claimed_until IS NULL OR claimed_until < now())
        AND NOT EXISTS (
            SELECT FROM notice_telling busy
            WHERE busy.sink_id = notice_telling.sink_id AND busy.due_at IS NOT NULL
                AND busy.claimed_until >= now())
    ORDER BY sink_id, due_at, created_at, telling_id
), claimed AS (
    UPDATE notice_telling
    SET claimed_until = now() + CAST(:lease AS interval), attempts = attempts + 1
    FROM due
    WHERE notice_telling.telling_id = due.telling_id AND due_at IS NOT NULL
        AND (claimed_until IS NULL OR claimed_until < now())
    RETURNING notice_telling.telling_id, sink_id, notice_id, part, attempts,
        notice_telling.created_at)
SELECT claimed.telling_id, claimed.part, claimed.attempts, claimed.created_at AS queued_at,
    sink.sink_id, sink.name AS sink_name, sink.kind AS sink_kind, sink.address, sink.secret,
    notice.*
FROM claimed JOIN notice_sink sink USING (sink_id) LEFT JOIN notice USING (notice_id);

-- name: end_telling!
-- Told, given up, or due again.
UPDATE notice_telling SET claimed_until = NULL, due_at = :due_at, told_at = :told_at, error = :error
WHERE telling_id = :telling_id AND due_at IS NOT NULL;

-- name: telling_by_id^
SELECT * FROM notice_telling WHERE telling_id = :telling_id;
