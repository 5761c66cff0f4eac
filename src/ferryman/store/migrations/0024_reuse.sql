-- Files of a transfer by the digest of their first part: what a re-run need not send (ADR 102).
CREATE INDEX app_data_by_digest ON app_data (transfer_id, (parts -> 0 ->> 'sha256'))
    WHERE deleted_at IS NULL;
