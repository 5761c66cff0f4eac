-- name: insert_secret!
-- The first process that asks for a secret creates it; all others use that one.
INSERT INTO secret (name, value, expires_at) VALUES (:name, :value, :expires_at)
ON CONFLICT (name) DO NOTHING;

-- name: secret_by_name$
SELECT value FROM secret WHERE name = :name;

-- name: lock_secret$
SELECT value FROM secret WHERE name = :name FOR UPDATE;

-- name: set_secret!
UPDATE secret SET value = :value WHERE name = :name;

-- name: secrets_by_prefix
-- The current one first: its name is the prefix itself.
SELECT name, value, expires_at FROM secret
WHERE starts_with(name, :prefix) AND (expires_at IS NULL OR expires_at > :now)
ORDER BY name;

-- name: remove_expired_secrets!
DELETE FROM secret WHERE expires_at <= :now;

-- name: all_secrets
SELECT name, value FROM secret ORDER BY name FOR UPDATE;

-- name: shared_secrets
-- In the order in which all others lock an app and its installation.
SELECT app.app_id, shared_secret, offered_secret, previous_secret
FROM app LEFT JOIN installation USING (app_id)
WHERE shared_secret IS NOT NULL OR offered_secret IS NOT NULL OR previous_secret IS NOT NULL
ORDER BY app.app_id
FOR UPDATE OF app;

-- name: set_shared_secrets!
WITH around AS (
    UPDATE installation SET offered_secret = :offered_secret, previous_secret = :previous_secret
    WHERE app_id = :app_id)
UPDATE app SET shared_secret = :shared_secret WHERE app_id = :app_id;
