-- name: insert_access_token^
INSERT INTO access_token (token_id, name, digest, role, customers, apps, created_at, created_by,
                          expires_at)
VALUES (:token_id, :name, :digest, :role, :customers, :apps, :now, :created_by, :expires_at)
RETURNING *;

-- name: access_token_by_digest^
-- Expired tokens are found too: the caller compares times, which the virtual clock moves.
SELECT * FROM access_token WHERE digest = :digest AND revoked_at IS NULL;

-- name: known_digests
-- Those of tokens of any kind; expired ones too, which the check of the call refuses.
SELECT digest FROM access_token WHERE digest = ANY(:digests) AND revoked_at IS NULL
UNION ALL
SELECT digest FROM token WHERE digest = ANY(:digests);

-- name: access_token_by_id^
SELECT * FROM access_token WHERE token_id = :token_id;

-- name: current_access_token^
SELECT * FROM access_token
WHERE name = :name AND replaced_at IS NULL AND revoked_at IS NULL
FOR UPDATE;

-- name: access_token_used!
-- Once a minute is exact enough, and saves a write for each call.
UPDATE access_token SET last_used_at = :now
WHERE token_id = :token_id
    AND (last_used_at IS NULL OR last_used_at < CAST(:now AS timestamptz) - interval '1 minute');

-- name: replace_access_token^
UPDATE access_token SET replaced_at = :now, expires_at = least(expires_at, :until)
WHERE token_id = :token_id
RETURNING *;

-- name: revoke_access_tokens
-- All secrets of a name, also the replaced one.
UPDATE access_token SET revoked_at = :now
WHERE name = :name AND revoked_at IS NULL
RETURNING *;

-- name: access_token_page
SELECT * FROM access_token
WHERE (created_at, token_id) > (:after_at, :after_id)
ORDER BY created_at, token_id
LIMIT :size;
