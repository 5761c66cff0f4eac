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

-- name: limit_schema_step$
-- For this transaction: how long a statement waits for a lock, and how long it takes in all.
SELECT set_config('lock_timeout', :lock, true) || set_config('statement_timeout', :statement, true);

-- name: schema_step_blocker^
-- The oldest transaction of another session that has touched one of the tables.
SELECT pid, application_name, client_addr, state, relname
FROM pg_locks
JOIN pg_class ON pg_class.oid = relation
JOIN pg_stat_activity USING (pid)
WHERE granted AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND relnamespace = CAST(current_schema() AS regnamespace)
    AND CAST(relname AS text) = ANY (:tables)
ORDER BY xact_start
LIMIT 1;

-- name: table_sizes
-- About how many rows tables have: as analysed last, or as written if they never were.
SELECT relname, CAST(CASE WHEN reltuples < 0 THEN n_live_tup ELSE reltuples END AS bigint) AS total
FROM pg_class JOIN pg_stat_user_tables USING (relname)
WHERE relnamespace = CAST(current_schema() AS regnamespace)
    AND relid = pg_class.oid AND CAST(relname AS text) = ANY (:tables);
