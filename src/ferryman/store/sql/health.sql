-- name: applied_migrations
SELECT name FROM schema_history;
