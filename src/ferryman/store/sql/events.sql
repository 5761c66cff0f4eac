-- name: last_event$
SELECT max(seq) FROM timeline;

-- name: events_after
-- The next entries of all transfers, and those of numbers that were missing before, with what tells
-- whose they are. A fixed number is read, whatever a reader looks for.
SELECT entry.seq, entry.at, entry.kind, entry.data, transfer.transfer_id, transfer.migration_id,
    transfer.customer, transfer.app_id, app.cloud_app_key, app.environment
FROM (
    (SELECT * FROM timeline WHERE seq > :after ORDER BY seq LIMIT :size)
    UNION ALL
    (SELECT * FROM timeline WHERE seq = ANY (CAST(:missing AS bigint[])))) entry
JOIN transfer USING (transfer_id)
JOIN app USING (app_id)
ORDER BY entry.seq;

-- name: changes_after
-- The numbers of the same entries, for those who want to know which transfers have changed: what is
-- in the entries is not read.
SELECT entry.kind, entry.seqs, transfer.transfer_id, transfer.migration_id, transfer.customer,
    transfer.app_id, app.cloud_app_key
FROM (
    SELECT transfer_id, kind, array_agg(seq) AS seqs
    FROM (
        (SELECT seq, transfer_id, kind FROM timeline WHERE seq > :after ORDER BY seq LIMIT :size)
        UNION ALL
        (SELECT seq, transfer_id, kind FROM timeline
        WHERE seq = ANY (CAST(:missing AS bigint[])))) each
    GROUP BY transfer_id, kind) entry
JOIN transfer USING (transfer_id)
JOIN app USING (app_id);
