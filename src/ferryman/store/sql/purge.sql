-- name: end_files
-- The rows first: from now on reads are refused, so the objects can be deleted.
UPDATE app_data SET deleted_at = :now
WHERE key = ANY(ARRAY(
    SELECT app_data.key
    FROM app_data JOIN transfer_owner USING (transfer_id)
    WHERE deleted_at IS NULL AND (app_id = :app_id OR customer = :customer)
    LIMIT :size))
RETURNING key, size;

-- name: end_uploads
UPDATE upload SET state = 'ABORTED', reason = 'writer_failed', detail = 'its data was deleted'
WHERE upload_id = ANY(ARRAY(
    SELECT upload_id
    FROM upload JOIN transfer_owner USING (transfer_id)
    WHERE state = 'OPEN' AND (app_id = :app_id OR customer = :customer)
    LIMIT :size))
RETURNING key, store_ref;

-- name: live_transfers$
SELECT count(*) FROM transfer_owner
WHERE settled_at IS NULL AND (app_id = :app_id OR customer = :customer);

-- name: set_suspended!
UPDATE app SET suspended_at = :at WHERE app_id = :app_id;

-- name: remove_app!
-- The row stays for the transfers that refer to it.
WITH tokens AS (DELETE FROM token WHERE app_id = :app_id)
UPDATE app SET removed_at = :now, manifest = NULL, descriptor = NULL, source = NULL
WHERE app_id = :app_id;

-- name: begin_expunge$
UPDATE customer SET expunged_at = coalesce(expunged_at, :now)
WHERE customer = :customer
RETURNING expunged_at;

-- name: end_expunge!
-- The customer that calls without a customer are for stays, empty.
WITH gone AS (DELETE FROM customer WHERE customer = :customer AND customer <> 'default'),
notices AS (DELETE FROM notice WHERE customer = :customer)
UPDATE customer SET expunged_at = NULL WHERE customer = :customer AND customer = 'default';

-- name: customer_migrations
SELECT migration_id FROM migration JOIN migration_scope scope USING (migration_scope_id)
WHERE scope.customer = :customer
ORDER BY migration_id
LIMIT :size;

-- name: hold_ended_migration$
-- Nobody can re-run a transfer of it from now on.
SELECT migration_id FROM migration
WHERE migration_id = :migration_id AND NOT EXISTS (
    SELECT FROM transfer
    WHERE transfer.migration_id = migration.migration_id AND settled_at IS NULL)
FOR UPDATE;

-- name: purge_messages^
-- Pending ones too: whoever is to be forgotten gets no more events.
WITH chosen AS (
    SELECT message_id FROM message
    WHERE transfer_id IN (SELECT transfer_id FROM transfer WHERE migration_id = :migration_id)
    LIMIT :size
), attempts AS (
    DELETE FROM attempt WHERE message_id IN (SELECT message_id FROM chosen) RETURNING 1
), gone AS (
    DELETE FROM message WHERE message_id IN (SELECT message_id FROM chosen) RETURNING 1)
SELECT (SELECT count(*) FROM gone) AS messages, (SELECT count(*) FROM attempts) AS attempts;

-- name: purge_timeline$
WITH gone AS (
    DELETE FROM timeline WHERE seq = ANY(ARRAY(
        SELECT seq FROM timeline
        WHERE transfer_id IN (SELECT transfer_id FROM transfer WHERE migration_id = :migration_id)
        LIMIT :size))
    RETURNING 1)
SELECT count(*) FROM gone;

-- name: purge_mappings$
WITH gone AS (
    DELETE FROM mapping WHERE ctid = ANY(ARRAY(
        SELECT mapping.ctid FROM mapping
        JOIN mapping_namespace USING (namespace_id)
        JOIN migration_scope scope USING (migration_scope_id)
        WHERE scope.customer = :customer
        LIMIT :size))
    RETURNING 1)
SELECT count(*) FROM gone;

-- name: purge_earlier_mappings$
WITH gone AS (
    DELETE FROM mapping_earlier WHERE ctid = ANY(ARRAY(
        SELECT mapping_earlier.ctid FROM mapping_earlier
        JOIN mapping_namespace USING (namespace_id)
        JOIN migration_scope scope USING (migration_scope_id)
        WHERE scope.customer = :customer
        LIMIT :size))
    RETURNING 1)
SELECT count(*) FROM gone;

-- name: purge_scopes$
WITH namespaces AS (
    DELETE FROM mapping_namespace WHERE migration_scope_id IN (
        SELECT migration_scope_id FROM migration_scope WHERE customer = :customer)
), gone AS (
    DELETE FROM migration_scope WHERE customer = :customer RETURNING 1)
SELECT count(*) FROM gone;

-- name: revoke_customer_tokens$
-- Tokens and sessions for this customer alone; those for several lose it.
WITH alone AS (
    UPDATE access_token SET revoked_at = :now
    WHERE revoked_at IS NULL AND customers = ARRAY[CAST(:customer AS text)]
    RETURNING 1
), others AS (
    UPDATE access_token SET customers = array_remove(customers, :customer)
    WHERE :customer = ANY (customers) AND cardinality(customers) > 1
), sessions AS (
    DELETE FROM console_session WHERE customers = ARRAY[CAST(:customer AS text)]
), others_of_sessions AS (
    UPDATE console_session SET customers = array_remove(customers, :customer)
    WHERE :customer = ANY (customers) AND cardinality(customers) > 1)
SELECT count(*) FROM alone;

-- name: insert_receipt!
INSERT INTO expunge_receipt (receipt_id, customer, at, receipt)
VALUES (:receipt_id, :customer, :now, :receipt);

-- name: last_receipt^
SELECT receipt FROM expunge_receipt WHERE customer = :customer ORDER BY at DESC LIMIT 1;
