-- name: insert_console_session!
INSERT INTO console_session (session_id, digest, method, token_id, operator_digest, issuer, subject,
                             provider_session, name, role, customers, apps, address, created_at,
                             expires_at)
VALUES (:session_id, :digest, :method, :token_id, :operator_digest, :issuer, :subject,
        :provider_session, :name, :role, :customers, :apps, :address, :created_at, :expires_at);

-- name: console_session_by_digest^
SELECT * FROM console_session WHERE digest = :digest AND expires_at > :now;

-- name: console_session_by_id^
SELECT * FROM console_session WHERE session_id = :session_id;

-- name: end_console_session^
DELETE FROM console_session
WHERE session_id = :session_id AND expires_at > :now
RETURNING *;

-- name: end_provider_sessions
-- Those of one sign-in at the provider, or all of a person.
DELETE FROM console_session
WHERE issuer = :issuer
    AND (CAST(:subject AS text) IS NULL OR subject = :subject)
    AND (CAST(:provider_session AS text) IS NULL OR provider_session = :provider_session)
RETURNING *;

-- fragment: shown_console_sessions
SELECT session.*, token.name AS token_name, token.role AS token_role,
       token.customers AS token_customers, token.apps AS token_apps
FROM console_session session LEFT JOIN access_token token USING (token_id)
WHERE session.expires_at > :now AND token.revoked_at IS NULL

-- name: console_session_page
-- What has expired is not shown, nor is what a revoked token began.
-- include: shown_console_sessions
    AND (session.created_at, session_id) > (:after_at, :after_id)
ORDER BY session.created_at, session_id
LIMIT :size;

-- name: shown_console_session^
-- include: shown_console_sessions
    AND session_id = :session_id;

-- name: remove_expired_console_sessions!
WITH links AS (DELETE FROM sign_in_link WHERE expires_at <= :now)
DELETE FROM console_session WHERE expires_at <= :now;

-- name: insert_sign_in_link!
INSERT INTO sign_in_link (digest, token_id, operator_digest, expires_at)
VALUES (:digest, :token_id, :operator_digest, :expires_at);

-- name: take_sign_in_link^
-- Of two who open a link at once, the second one waits for the row and finds it gone.
DELETE FROM sign_in_link WHERE digest = :digest AND expires_at > :now
RETURNING *;
