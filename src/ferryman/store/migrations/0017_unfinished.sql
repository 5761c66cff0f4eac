-- Success is proof that nothing which was begun is missing (ADR 0038): a file that is given up has
-- a reason, a claim is confirmed and watched, and a file belongs to the claim that began it.
ALTER TABLE upload
    ADD COLUMN claim integer NOT NULL DEFAULT 0,
    ADD COLUMN reason text CHECK (reason IN ('writer_failed', 'deliberate', 'superseded')),
    ADD COLUMN detail text,
    ADD COLUMN given_up_at timestamptz,
    ADD CHECK (reason IS NULL OR state = 'ABORTED');
UPDATE upload SET claim = transfer.claims
FROM transfer WHERE transfer.transfer_id = upload.transfer_id AND upload.state = 'OPEN';
CREATE INDEX upload_open_of_transfer ON upload (transfer_id) WHERE state = 'OPEN';
CREATE INDEX upload_failed_of_transfer ON upload (transfer_id) WHERE reason = 'writer_failed';

-- claim_seen_at is real time: an agent lives in it, whatever the platform's clock says.
ALTER TABLE transfer
    ADD COLUMN returned_at timestamptz,
    ADD COLUMN heartbeats boolean NOT NULL DEFAULT false,
    ADD COLUMN claim_seen_at timestamptz,
    ADD COLUMN claim_confirmed boolean NOT NULL DEFAULT false;
UPDATE transfer SET claim_seen_at = now(), claim_confirmed = true
WHERE claims > 0 AND status = 'IN_PROGRESS';

-- Whether a transfer takes files, and of which claim. Beginning a file shares this row, settling
-- and claiming take it alone, so that no file begins unseen. It is a row of its own because every
-- message and timeline entry shares the transfer's row.
CREATE TABLE intake (
    transfer_id uuid PRIMARY KEY REFERENCES transfer ON DELETE CASCADE,
    open boolean NOT NULL DEFAULT true,
    claim integer NOT NULL DEFAULT 0
);
INSERT INTO intake (transfer_id, open, claim)
SELECT transfer_id, settled_at IS NULL, claims FROM transfer;
