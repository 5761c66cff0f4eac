-- name: insert_uploads
-- Inserts no file whose resume key another upload of the transfer has, and none if the transfer
-- takes no more files or the caller's claim was superseded. Resume keys are inserted in order, so
-- that two calls with the same ones wait for each other in one direction only.
WITH taking AS (
    SELECT transfer_id, claim FROM intake
    WHERE transfer_id = :transfer_id AND open
        AND (CAST(:claim AS integer) IS NULL OR claim <= :claim)
    FOR SHARE),
file AS (
    SELECT * FROM unnest(CAST(:upload_ids AS uuid[]), CAST(:keys AS uuid[]),
                         CAST(:store_refs AS text[]), CAST(:labels AS text[]),
                         CAST(:resume_keys AS text[]), CAST(:entries AS jsonb[]),
                         CAST(:parts AS integer[]), CAST(:largest_parts AS bigint[]))
        WITH ORDINALITY AS file (upload_id, key, store_ref, label, resume_key, entry, parts,
                                 largest_part, place)),
begun AS (
    INSERT INTO upload (upload_id, transfer_id, key, store_ref, label, resume_key, state,
                        created_at, claim, parts, largest_part)
    SELECT upload_id, transfer_id, key, store_ref, label, resume_key, 'OPEN', :now, claim,
           parts, largest_part
    FROM file CROSS JOIN taking
    ORDER BY resume_key, place
    ON CONFLICT (transfer_id, resume_key) WHERE resume_key IS NOT NULL AND state <> 'ABORTED'
    DO NOTHING
    RETURNING upload_id, transfer_id),
logged AS (
    INSERT INTO timeline (transfer_id, at, kind, data)
    SELECT transfer_id, :now, 'upload.begun', entry FROM begun JOIN file USING (upload_id)
    ORDER BY place)
SELECT upload_id FROM begun;

-- name: count_open_uploads$
-- Up to the quota: an app with more is refused all the same.
SELECT count(*) FROM (
    SELECT FROM transfer JOIN upload USING (transfer_id)
    WHERE app_id = :app_id AND upload.state = 'OPEN'
    LIMIT :size) counted;

-- name: bytes_of_app$
-- Files that are kept, the most that open uploads may hold, values, objects, and events that wait in
-- queues.
SELECT CAST((
    SELECT coalesce(sum(bytes), 0) FROM transfer
    WHERE app_id = :app_id AND bytes > 0 AND (
        -- Not EXISTS, which would become a join with all files there are.
        SELECT true FROM app_data
        WHERE app_data.transfer_id = transfer.transfer_id AND deleted_at IS NULL
        LIMIT 1)
    ) + (
    SELECT coalesce(sum(upload.parts * upload.largest_part), 0)
    FROM transfer JOIN upload USING (transfer_id)
    WHERE app_id = :app_id AND upload.state = 'OPEN'
    ) + (
    SELECT coalesce(sum(octet_length(key) + octet_length(value)), 0)
    FROM app_site JOIN app_value USING (app_site_id)
    WHERE app_id = :app_id
    ) + (
    SELECT coalesce(sum(size), 0) FROM app_site JOIN app_object USING (app_site_id)
    WHERE app_id = :app_id
    ) + (
    SELECT coalesce(sum(octet_length(body)), 0) FROM queue_event
    WHERE app_id = :app_id AND state = 'PENDING' AND worker_id IS NULL) AS bigint);

-- name: hold_upload^
SELECT parts, largest_part FROM upload WHERE upload_id = :upload_id FOR NO KEY UPDATE;

-- name: reserve_upload!
UPDATE upload SET parts = greatest(parts, :parts),
    largest_part = greatest(largest_part, :largest_part)
WHERE upload_id = :upload_id;

-- name: upload_by_id^
SELECT upload.* FROM upload JOIN transfer USING (transfer_id)
WHERE upload_id = :upload_id AND app_id = :app_id;

-- name: uploads_by_ids
-- By their ids first: joined at once, all uploads of all transfers of the app would be read. Joined
-- with the ids, and not compared with each, since a plan that was made for a small table is kept.
WITH found AS MATERIALIZED (
    SELECT * FROM unnest(CAST(:upload_ids AS uuid[])) AS wanted (upload_id)
    JOIN upload USING (upload_id))
SELECT found.* FROM found JOIN transfer USING (transfer_id) WHERE app_id = :app_id;

-- name: uploads_to_resume
SELECT * FROM upload
WHERE transfer_id = :transfer_id AND resume_key = ANY(:resume_keys) AND state <> 'ABORTED';

-- name: set_upload_store_ref$
UPDATE upload SET store_ref = :after
WHERE upload_id = :upload_id AND store_ref = :before AND state = 'OPEN'
RETURNING upload_id;

-- name: adopt_uploads!
-- The current claim resumes files of an earlier one, which belong to it from now on.
UPDATE upload SET claim = transfer.claims FROM transfer
WHERE upload_id = ANY(:upload_ids) AND transfer.transfer_id = upload.transfer_id;

-- name: give_up_upload$
-- The first reason is kept, except that a failed file may be given up deliberately later.
UPDATE upload SET state = 'ABORTED', reason = :reason, detail = coalesce(:detail, detail),
    given_up_at = coalesce(given_up_at, :now)
WHERE upload_id = :upload_id
    AND (state = 'OPEN' OR (reason = 'writer_failed' AND :reason = 'deliberate'))
RETURNING upload_id;

-- name: unfinished_uploads
-- Files of the current claim that are open, or whose writer failed.
WITH found AS (
    SELECT * FROM upload WHERE transfer_id = :transfer_id AND state = 'OPEN'
    UNION ALL
    SELECT * FROM upload WHERE transfer_id = :transfer_id AND reason = 'writer_failed')
SELECT upload_id, found.label, reason, detail, found.created_at
FROM found JOIN transfer USING (transfer_id)
WHERE found.claim = transfer.claims
ORDER BY found.created_at, upload_id
LIMIT :size;

-- name: count_unfinished$
-- As above. Each half has its own, nearly empty index.
WITH found AS (
    SELECT claim FROM upload WHERE transfer_id = :transfer_id AND state = 'OPEN'
    UNION ALL
    SELECT claim FROM upload WHERE transfer_id = :transfer_id AND reason = 'writer_failed')
SELECT count(*) FROM found
WHERE claim = (SELECT claims FROM transfer WHERE transfer_id = :transfer_id);

-- name: hold_intake$
-- No file can begin until the transaction ends.
SELECT claim FROM intake WHERE transfer_id = :transfer_id FOR UPDATE;

-- name: close_intake!
UPDATE intake SET open = false WHERE transfer_id = :transfer_id AND open;

-- name: claim_intake!
UPDATE intake SET claim = :claim WHERE transfer_id = :transfer_id;

-- name: supersede_uploads
-- Open files of earlier claims, with or without those that have a resume key (:resumable). A key
-- starting with begin: only makes the call that begins a file repeatable; nobody resumes it.
UPDATE upload SET state = 'ABORTED', reason = 'superseded', given_up_at = :now
WHERE transfer_id = :transfer_id AND state = 'OPEN' AND claim < :claim
    AND (resume_key IS NULL OR resume_key LIKE 'begin:%' OR :resumable)
RETURNING key;

-- name: abandon_unfinished
-- Gives up open files and those whose writer failed.
UPDATE upload SET state = 'ABORTED', reason = 'deliberate',
    given_up_at = coalesce(given_up_at, :now)
WHERE transfer_id = :transfer_id AND claim = :claim AND (state = 'OPEN' OR reason = 'writer_failed')
RETURNING key;
