-- Who may do what (ADR 0062), what was done (ADR 0063), and for whom (ADR 0064).


-- Customers

-- A customer owns migrations, sites and mappings. Its key is what people call it; it never changes.
CREATE TABLE customer (
    customer text PRIMARY KEY,
    created_at timestamptz NOT NULL
);
INSERT INTO customer VALUES ('default', now());

-- The same address is another site for each customer, so that none learns of another's.
ALTER TABLE migration_scope ADD COLUMN customer text NOT NULL DEFAULT 'default' REFERENCES customer;
ALTER TABLE migration_scope ALTER COLUMN customer DROP DEFAULT;
ALTER TABLE migration_scope DROP CONSTRAINT migration_scope_source_id_cloud_url_key;
ALTER TABLE migration_scope ADD UNIQUE (customer, source_id, cloud_url);


-- Access

-- A secret of a person or program who may call the admin surface. While one is replaced, its name
-- has two rows: the replaced one works until it expires.
CREATE TABLE access_token (
    token_id uuid PRIMARY KEY,
    name text NOT NULL,
    digest bytea NOT NULL UNIQUE,
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'app-owner', 'admin', 'metrics')),
    -- null: all of them, also those to come
    customers text[],
    -- the cloud app keys of an app-owner
    apps text[],
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    last_used_at timestamptz,
    expires_at timestamptz,
    replaced_at timestamptz,
    revoked_at timestamptz,
    CHECK ((role = 'app-owner') = (apps IS NOT NULL)),
    CHECK (customers IS NULL OR role IN ('viewer', 'operator'))
);
CREATE UNIQUE INDEX access_token_current ON access_token (name)
    WHERE replaced_at IS NULL AND revoked_at IS NULL;
CREATE INDEX access_token_by_name ON access_token (name);


-- Audit

-- Every changing call of the admin surface, in one chain: hash is the SHA-256 of the previous row's
-- hash, seq and what the row says. before and after are JSON as text, since the hash covers its
-- bytes.
CREATE TABLE audit (
    seq bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    role text NOT NULL,
    address text,
    request text,
    operation text NOT NULL,
    customer text,
    target text,
    before text,
    after text,
    hash bytea NOT NULL
);
CREATE INDEX audit_by_actor ON audit (actor, seq);
CREATE INDEX audit_by_operation ON audit (operation, seq);
CREATE INDEX audit_of_customer ON audit (customer, seq) WHERE customer IS NOT NULL;

-- One row, the last link: whoever adds a row waits here, at the very end of its transaction.
CREATE TABLE audit_head (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    seq bigint NOT NULL DEFAULT 0,
    hash bytea NOT NULL DEFAULT '\x'
);
INSERT INTO audit_head DEFAULT VALUES;

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of the audit log are never changed or removed';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();


-- Apps that are kept out: suspended for a while, or removed

ALTER TABLE app ADD COLUMN suspended_at timestamptz, ADD COLUMN removed_at timestamptz;


-- Customers that are deleted

-- Set while a customer's data is deleted, which takes many transactions: nothing is added to it.
ALTER TABLE customer ADD COLUMN expunged_at timestamptz;

-- What was deleted, signed; it outlives the customer.
CREATE TABLE expunge_receipt (
    receipt_id uuid PRIMARY KEY,
    customer text NOT NULL,
    at timestamptz NOT NULL,
    receipt text NOT NULL
);
CREATE INDEX expunge_receipt_of_customer ON expunge_receipt (customer, at DESC);


-- Secrets

-- When a replaced signing key stops counting; its name ends in its kid.
ALTER TABLE secret ADD COLUMN expires_at timestamptz;
