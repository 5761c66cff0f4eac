-- What the Connect surface keeps: the addresses an app registered, and a way to its running transfers.

ALTER TABLE app ADD COLUMN webhooks text[] NOT NULL DEFAULT '{}';

CREATE INDEX transfer_running ON transfer (app_id, created_at DESC)
    WHERE status IN ('IN_PROGRESS', 'CANCELLATION_REQUESTED');
