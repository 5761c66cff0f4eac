-- name: insert_secret!
-- The first process to ask makes it; all others take that one.
INSERT INTO secret (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING;

-- name: secret_by_name$
SELECT value FROM secret WHERE name = :name;
