-- A file that is begun again under the same key, by a process that was killed, is the same upload.
ALTER TABLE upload ADD COLUMN resume_key text;
CREATE UNIQUE INDEX upload_resume ON upload (transfer_id, resume_key)
    WHERE resume_key IS NOT NULL AND state <> 'ABORTED';
