-- name: applied_migrations
SELECT name FROM schema_history;

-- name: workers_seen$
SELECT count(*) FROM worker WHERE seen_at > now() - CAST(:silence AS interval);
