-- What Forge apps keep in Forge's services, here in the platform (ADR 87).

-- An app on a site: what Forge calls an installation. Whoever writes a value keeps this row from
-- being deleted, so whoever deletes it has deleted everything.
CREATE TABLE app_site (
    app_site_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app_id uuid NOT NULL REFERENCES app,
    site text NOT NULL,
    UNIQUE (app_id, site)
);
CREATE INDEX app_site_of_site ON app_site (site);

-- The key-value store. Secrets are apart: they share no keys, and no query lists them.
CREATE TABLE app_value (
    app_site_id bigint NOT NULL REFERENCES app_site ON DELETE CASCADE,
    secret boolean NOT NULL,
    key text COLLATE "C" NOT NULL,
    -- JSON as the app sent it, which jsonb would change; of a secret, sealed
    value bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (app_site_id, secret, key)
);
CREATE INDEX app_value_expiry ON app_value (expires_at) WHERE expires_at IS NOT NULL;
