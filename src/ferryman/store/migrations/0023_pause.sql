-- Pausing and extending transfers (ADR 101).

ALTER TABLE transfer
    -- since when an operator holds it; null: it goes on
    ADD COLUMN paused_at timestamptz,
    -- moves the deadline as an upload at that instant would; it may lie ahead
    ADD COLUMN granted_at timestamptz,
    -- by how much the end of its life, and that of its files, is put off
    ADD COLUMN life_added interval NOT NULL DEFAULT interval '0';

CREATE INDEX transfer_paused ON transfer (paused_at) WHERE paused_at IS NOT NULL;

-- As before, but for paused transfers, which are offered to nobody.
CREATE OR REPLACE VIEW claimable_transfer AS
SELECT transfer_id, app_id, claims, claimed_by, claim_seen_at, claim_confirmed, released_at,
       created_at, position
FROM transfer
WHERE released_at IS NOT NULL AND paused_at IS NULL AND (
    (status = 'READY' AND claims = 0 AND NOT EXISTS (
        SELECT FROM unnest(depends_on) AS needed (name), LATERAL (
            SELECT other.status FROM transfer other
            WHERE other.migration_id = transfer.migration_id AND other.app_id = transfer.app_id
                AND other.transfer_name = needed.name
            ORDER BY other.created_at DESC, other.transfer_id LIMIT 1) newest
        WHERE newest.status IN ('READY', 'IN_PROGRESS', 'CANCELLATION_REQUESTED')))
    OR (status IN ('READY', 'IN_PROGRESS') AND claims > 0
        AND export_completed_at IS NULL AND returned_at IS NULL AND NOT listener_errored));

-- As before, but for paused transfers, and with the time that operators grant.
CREATE OR REPLACE FUNCTION stuck_from(transfer) RETURNS timestamptz LANGUAGE sql STABLE
RETURN CASE
    WHEN $1.paused_at IS NOT NULL THEN NULL
    WHEN $1.status = 'IN_PROGRESS' THEN
        greatest($1.started_at, $1.last_upload_at, $1.last_success_at, $1.granted_at)
            + make_interval(secs => $1.window_seconds / 2)
    WHEN $1.status = 'READY' AND $1.claims = 0 AND $1.depends_on = '{}' THEN
        $1.released_at + interval '1 minute'
END;
