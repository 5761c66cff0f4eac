-- Sessions and one-time links of the console (ADR 77), and links to one migration for its customer.


-- Who is signed in to the console. Only the digest of the secret is here, which the cookie of the
-- browser holds sealed. Times are those of the wall, since a virtual clock signs nobody out.
-- Exactly one of three says whose rights a session has: an access token, the operator token, or a
-- person whom an identity provider vouched for.
CREATE TABLE console_session (
    session_id uuid PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    method text NOT NULL CHECK (method IN ('token', 'link', 'provider')),
    token_id uuid REFERENCES access_token ON DELETE CASCADE,
    -- of the operator token, which is no row: a session ends when it changes
    operator_digest bytea,
    issuer text,
    subject text,
    -- what the provider calls its own session
    provider_session text,
    name text,
    role text CHECK (role IN ('viewer', 'operator', 'app-owner', 'admin')),
    customers text[],
    apps text[],
    address text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CHECK (num_nonnulls(token_id, operator_digest, subject) = 1),
    CHECK ((subject IS NULL) = (issuer IS NULL)),
    CHECK ((subject IS NULL) = (name IS NULL)),
    CHECK ((subject IS NULL) = (role IS NULL))
);
CREATE INDEX console_session_by_age ON console_session (created_at, session_id);
CREATE INDEX console_session_by_expiry ON console_session (expires_at);
CREATE INDEX console_session_of_subject ON console_session (issuer, subject);
CREATE INDEX console_session_of_token ON console_session (token_id);

-- A link that signs somebody in once, with the rights of a token.
CREATE TABLE sign_in_link (
    digest bytea PRIMARY KEY,
    token_id uuid REFERENCES access_token ON DELETE CASCADE,
    operator_digest bytea,
    expires_at timestamptz NOT NULL,
    CHECK (num_nonnulls(token_id, operator_digest) = 1)
);
CREATE INDEX sign_in_link_by_expiry ON sign_in_link (expires_at);
CREATE INDEX sign_in_link_of_token ON sign_in_link (token_id);


-- A link to the page of one migration, for people without an account. Its code is signed, so nothing
-- of it is here.
CREATE TABLE migration_link (
    link_id uuid PRIMARY KEY,
    migration_id uuid NOT NULL REFERENCES migration ON DELETE CASCADE,
    note text,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX migration_link_of_migration ON migration_link (migration_id, created_at);
