-- What a listener declares: its scopes, and the transfers that its app's part is split into.

ALTER TABLE transfer
    -- null: those of the app's registration
    ADD COLUMN declared_scopes text[],
    ADD COLUMN transfer_name text,
    ADD COLUMN blocking boolean NOT NULL DEFAULT true,
    -- names of transfers of the same app and migration; the newest of a name counts
    ADD COLUMN depends_on text[] NOT NULL DEFAULT '{}',
    ADD COLUMN position integer NOT NULL DEFAULT 0,
    -- the transfer it depends on whose failure skipped it; null: nobody's, or the admin skipped it
    ADD COLUMN skipped_by uuid REFERENCES transfer,
    ADD CHECK (transfer_name IS NOT NULL OR depends_on = '{}'),
    ADD CHECK (skipped_by IS NULL OR status = 'SKIPPED');

CREATE INDEX transfer_by_name ON transfer (migration_id, app_id, transfer_name, created_at DESC)
    WHERE transfer_name IS NOT NULL;
