-- Objects that Forge apps keep (ADR 91). Their bytes are in the object store, under file_key.
CREATE TABLE app_object (
    file_key uuid PRIMARY KEY,
    -- Null once nothing leads to it: then the file goes, and this row after it.
    app_site_id bigint REFERENCES app_site,
    -- The other one of two buckets.
    cdn boolean NOT NULL,
    key text COLLATE "C" NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'KEPT', 'GONE')),
    size bigint NOT NULL,
    -- In base64, as the app gave it.
    checksum text NOT NULL,
    checksum_type text NOT NULL,
    content_type text NOT NULL,
    sha256 text,
    -- When it was begun or, of one that is kept, complete.
    since timestamptz NOT NULL,
    CHECK ((state = 'GONE') = (app_site_id IS NULL)),
    CHECK (state <> 'KEPT' OR sha256 IS NOT NULL)
);
CREATE UNIQUE INDEX app_object_kept ON app_object (app_site_id, cdn, key) WHERE state = 'KEPT';
CREATE INDEX app_object_of_site ON app_object (app_site_id);
CREATE INDEX app_object_passing ON app_object (state, since) WHERE state <> 'KEPT';
