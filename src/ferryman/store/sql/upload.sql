-- name: insert_upload$
-- Nothing is inserted where another upload of the transfer has the resume key already, the
-- transfer takes no files any more, or the caller's claim was superseded.
WITH taking AS (
    SELECT transfer_id, claim FROM intake
    WHERE transfer_id = :transfer_id AND open
        AND (CAST(:claim AS integer) IS NULL OR claim <= :claim)
    FOR SHARE),
begun AS (
    INSERT INTO upload (upload_id, transfer_id, key, store_ref, label, resume_key, state,
                        created_at, claim)
    SELECT :upload_id, transfer_id, :key, :store_ref, :label, :resume_key, 'OPEN', :now, claim
    FROM taking
    ON CONFLICT (transfer_id, resume_key) WHERE resume_key IS NOT NULL AND state <> 'ABORTED'
    DO NOTHING
    RETURNING upload_id, transfer_id),
told AS (
    INSERT INTO timeline (transfer_id, at, kind, data)
    SELECT transfer_id, :now, 'upload.begun', :told FROM begun)
SELECT upload_id FROM begun;

-- name: upload_by_id^
SELECT upload.* FROM upload JOIN transfer USING (transfer_id)
WHERE upload_id = :upload_id AND app_id = :app_id;

-- name: uploads_by_ids
SELECT upload.* FROM upload JOIN transfer USING (transfer_id)
WHERE upload_id = ANY(:upload_ids) AND app_id = :app_id;

-- name: upload_to_resume^
SELECT * FROM upload
WHERE transfer_id = :transfer_id AND resume_key = :resume_key AND state <> 'ABORTED';

-- name: set_upload_store_ref$
UPDATE upload SET store_ref = :after
WHERE upload_id = :upload_id AND store_ref = :before AND state = 'OPEN'
RETURNING upload_id;

-- name: adopt_upload!
-- A claim resumes a file of an earlier one, which is from now on its own.
UPDATE upload SET claim = transfer.claims FROM transfer
WHERE upload_id = :upload_id AND transfer.transfer_id = upload.transfer_id;

-- name: give_up_upload$
-- Of one that was given up already the first reason stays, unless a failed one is now done without.
UPDATE upload SET state = 'ABORTED', reason = :reason, detail = coalesce(:detail, detail),
    given_up_at = coalesce(given_up_at, :now)
WHERE upload_id = :upload_id
    AND (state = 'OPEN' OR (reason = 'writer_failed' AND :reason = 'deliberate'))
RETURNING upload_id;

-- name: unfinished_uploads
-- Files of the current claim that were begun, and neither completed nor given up on purpose.
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
-- As above. Each half has an index of its own, which holds nearly nothing.
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
-- Open files of earlier claims; :resumable says whether those with a resume key, too. A key that
-- begins so was made only to repeat the beginning, and nobody resumes the file.
UPDATE upload SET state = 'ABORTED', reason = 'superseded', given_up_at = :now
WHERE transfer_id = :transfer_id AND state = 'OPEN' AND claim < :claim
    AND (resume_key IS NULL OR resume_key LIKE 'begin:%' OR :resumable)
RETURNING key;

-- name: abandon_unfinished
-- What is unfinished is done without: open files, and those whose writer failed.
UPDATE upload SET state = 'ABORTED', reason = 'deliberate',
    given_up_at = coalesce(given_up_at, :now)
WHERE transfer_id = :transfer_id AND claim = :claim AND (state = 'OPEN' OR reason = 'writer_failed')
RETURNING key;
