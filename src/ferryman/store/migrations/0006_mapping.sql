-- Mappings by numbers in place of texts and uuids: smaller rows, and an index half the size.

-- Who wrote a mapping, in four bytes.
ALTER TABLE migration ADD COLUMN number integer GENERATED ALWAYS AS IDENTITY UNIQUE;

CREATE TABLE mapping_namespace (
    namespace_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    migration_scope_id uuid NOT NULL REFERENCES migration_scope,
    namespace text COLLATE "C" NOT NULL,
    UNIQUE (migration_scope_id, namespace)
);

ALTER TABLE mapping RENAME TO mapping_before;
ALTER TABLE mapping_before RENAME CONSTRAINT mapping_pkey TO mapping_before_pkey;

-- No foreign keys: they would be checked row by row, which takes longer than writing the row.
CREATE TABLE mapping (
    namespace_id integer NOT NULL,
    writer integer NOT NULL,
    written_at timestamptz NOT NULL,
    server_key text COLLATE "C" NOT NULL,
    cloud_key text NOT NULL,
    PRIMARY KEY (namespace_id, server_key)
);

-- What a migration last wrote for a key that a later migration wrote again.
CREATE TABLE mapping_earlier (
    namespace_id integer NOT NULL,
    writer integer NOT NULL,
    written_at timestamptz NOT NULL,
    server_key text COLLATE "C" NOT NULL,
    cloud_key text NOT NULL,
    PRIMARY KEY (namespace_id, server_key, writer)
);

INSERT INTO mapping_namespace (migration_scope_id, namespace)
SELECT DISTINCT migration_scope_id, namespace FROM mapping_before;

-- Nobody noted who had written them: the latest migration of the scope stands for all.
INSERT INTO mapping (namespace_id, writer, written_at, server_key, cloud_key)
SELECT namespace_id, latest.number, written_at, server_key, cloud_key
FROM mapping_before
JOIN mapping_namespace USING (migration_scope_id, namespace)
JOIN (
    SELECT migration_scope_id, max(number) AS number FROM migration GROUP BY migration_scope_id
) latest USING (migration_scope_id);

DROP TABLE mapping_before;

-- Keys that an app asked for in vain: a sample of bounded size, from which their number follows.
CREATE TABLE mapping_missing (
    transfer_id uuid NOT NULL REFERENCES transfer,
    namespace text COLLATE "C" NOT NULL,
    wrong_form boolean NOT NULL,
    keys text[] NOT NULL,
    asked_at timestamptz NOT NULL,
    PRIMARY KEY (transfer_id, namespace, wrong_form)
);
