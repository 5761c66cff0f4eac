-- name: try_lock_schema$
-- Held until the transaction ends: a session lock would stay on a pooler's connection.
SELECT pg_try_advisory_xact_lock(:key);

-- name: schema_lock_holder^
-- Without extra privileges, only the pid of another role's session is visible.
SELECT pid, application_name, client_addr, state
FROM pg_locks LEFT JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid::bigint << 32 | objid::bigint = :key;

-- name: has_schema_history$
SELECT to_regclass('schema_history') IS NOT NULL;

-- name: create_schema_history!
CREATE TABLE IF NOT EXISTS schema_history (
    name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());

-- name: schema_history
SELECT name FROM schema_history;

-- name: note_migration!
INSERT INTO schema_history (name) VALUES (:name);
