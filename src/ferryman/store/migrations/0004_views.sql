-- Rules that several statements share. PostgreSQL expands each of them inside the statement.


-- Who may see what

-- A transfer with its customer and the name of its app.
CREATE VIEW transfer_owner AS
SELECT transfer_id, migration_id, transfer.app_id, customer, cloud_app_key, environment,
       status, transfer.created_at, position, settled_at
FROM transfer
JOIN app USING (app_id)
JOIN migration USING (migration_id)
JOIN migration_scope USING (migration_scope_id);

-- Whether a caller sees a customer's thing of an app; null: all customers, all apps.
CREATE FUNCTION in_reach(customer text, app text, customers text[], apps text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN (customers IS NULL OR customer = ANY (customers)) AND (apps IS NULL OR app = ANY (apps));


-- What an agent may claim (ADR 0039)

-- Either a new transfer whose dependencies have settled, or a claimed one whose listener has not
-- returned; who may claim the second again is up to the statement.
CREATE VIEW claimable_transfer AS
SELECT transfer_id, app_id, claims, claimed_by, claim_seen_at, claim_confirmed, released_at,
       created_at, position
FROM transfer
WHERE released_at IS NOT NULL AND (
    (status = 'READY' AND claims = 0 AND NOT EXISTS (
        SELECT FROM unnest(depends_on) AS needed (name), LATERAL (
            SELECT other.status FROM transfer other
            WHERE other.migration_id = transfer.migration_id AND other.app_id = transfer.app_id
                AND other.transfer_name = needed.name
            ORDER BY other.created_at DESC, other.transfer_id LIMIT 1) newest
        WHERE newest.status IN ('READY', 'IN_PROGRESS', 'CANCELLATION_REQUESTED')))
    OR (status IN ('READY', 'IN_PROGRESS') AND claims > 0
        AND export_completed_at IS NULL AND returned_at IS NULL AND NOT listener_errored));

-- Whether the client of a claim fell silent, or never confirmed it.
CREATE FUNCTION claim_lost(
    seen_at timestamptz, confirmed boolean, silence interval, confirmation interval
) RETURNS boolean LANGUAGE sql STABLE
RETURN seen_at < now() - CASE WHEN confirmed THEN silence ELSE confirmation END;
