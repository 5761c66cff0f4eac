-- Archived migrations, which lists leave out unless they are asked for (ADR 124).

ALTER TABLE migration
    -- since when; null: it is listed
    ADD COLUMN archived_at timestamptz;
ALTER TABLE transfer
    -- that of its migration, so that lists of transfers are filtered without a look at it
    ADD COLUMN archived_at timestamptz;

CREATE INDEX migration_archived ON migration (created_at, migration_id)
    WHERE archived_at IS NOT NULL;
CREATE INDEX transfer_archived ON transfer (created_at, transfer_id)
    WHERE archived_at IS NOT NULL;
