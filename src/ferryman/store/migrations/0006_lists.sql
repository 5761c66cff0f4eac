-- What the lists of the admin surface read (ADR 0071): an index for each order and each filter.


-- Words

-- The words of a text, in lower case: every part between white space and punctuation. Bounded, since
-- a text may be long and may be one word.
CREATE FUNCTION search_words(given text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_tsvector(coalesce(array_agg(DISTINCT left(word, 60)), '{}'))
    FROM regexp_split_to_table(lower(left(given, 2000)), '[\s!-/:-@\[-`{-~]+') AS word
    WHERE word <> ''
$$;

-- Matches texts in which each word of the given one begins a word; null: there is none.
CREATE FUNCTION search_query(given text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CAST(string_agg(DISTINCT '''' || left(word, 60) || ''':*', ' & ') AS tsquery)
    FROM regexp_split_to_table(lower(left(given, 200)), '[\s!-/:-@\[-`{-~]+') AS word
    WHERE word <> ''
$$;


-- Transfers

-- The customer of a transfer never changes (ADR 0064). It is here as well, so that a list of one
-- customer reads an index in its order. words has what people call a transfer by.
ALTER TABLE transfer ADD COLUMN customer text, ADD COLUMN words tsvector;

CREATE FUNCTION describe_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT scope.customer, search_words(concat_ws(' ',
        left(migration.name, 500), left(NEW.transfer_name, 500), left(app.cloud_app_key, 500),
        left(scope.cloud_url, 500), left(scope.source_id, 500)))
    INTO NEW.customer, NEW.words
    FROM migration JOIN migration_scope scope USING (migration_scope_id), app
    WHERE migration.migration_id = NEW.migration_id AND app.app_id = NEW.app_id;
    RETURN NEW;
END $$;
-- A trigger, so that processes of the version before fill the columns too.
CREATE TRIGGER transfer_described BEFORE INSERT OR UPDATE OF transfer_name ON transfer
    FOR EACH ROW EXECUTE FUNCTION describe_transfer();
UPDATE transfer SET transfer_name = transfer_name;
ALTER TABLE transfer ALTER COLUMN customer SET NOT NULL, ALTER COLUMN words SET NOT NULL;

CREATE INDEX transfer_by_age ON transfer (created_at, transfer_id);
CREATE INDEX transfer_by_status ON transfer (status, created_at, transfer_id);
CREATE INDEX transfer_of_customer ON transfer (customer, created_at, transfer_id);
CREATE INDEX transfer_of_app ON transfer (app_id, created_at, transfer_id);
CREATE INDEX transfer_by_words ON transfer USING gin (words);


-- Migrations

CREATE INDEX migration_of_scope ON migration (migration_scope_id, created_at);
CREATE INDEX migration_by_words ON migration USING gin (search_words(name));
CREATE INDEX migration_scope_of_site ON migration_scope (cloud_url);


-- Messages and attempts

CREATE INDEX message_by_position ON message (position);
CREATE INDEX message_failed ON message (position) WHERE acknowledgement = 'FAILED';
-- A label is found by its beginning.
CREATE INDEX app_data_by_label ON app_data (lower(left(label, 100)) text_pattern_ops, message_id)
    WHERE label IS NOT NULL;
CREATE INDEX attempt_by_age ON attempt (started_at, message_id, number);
CREATE INDEX attempt_by_cause ON attempt (cause, started_at, message_id, number)
    WHERE cause IS NOT NULL;
CREATE INDEX attempt_by_status ON attempt (status, started_at) WHERE cause IS NOT NULL;
CREATE INDEX attempt_by_words ON attempt
    USING gin (search_words(coalesce(error_message, error)))
    WHERE error IS NOT NULL OR error_message IS NOT NULL;


-- Audit

CREATE INDEX audit_of_target ON audit (target, seq) WHERE target IS NOT NULL;
CREATE INDEX audit_by_age ON audit (at);


-- Charts

-- Files are added in the order of their time, so a small index of ranges is enough.
CREATE INDEX app_data_by_age ON app_data USING brin (created_at);


-- Jobs

-- An action on many things. What it hits is fixed when it is planned; workers do one item at a time.
CREATE TABLE job (
    job_id uuid PRIMARY KEY,
    operation text NOT NULL CHECK (operation IN ('redeliver', 'rerun', 'cancel')),
    selection jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('PLANNED', 'RUNNING', 'STOPPED', 'DONE')),
    -- who planned it, in whose name its items are done
    actor text NOT NULL,
    role text NOT NULL,
    -- what that caller sees; null: all
    customers text[],
    apps text[],
    total integer NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz
);
CREATE INDEX job_by_age ON job (created_at, job_id);
CREATE INDEX job_running ON job (started_at) WHERE state = 'RUNNING';

CREATE TABLE job_item (
    job_id uuid NOT NULL REFERENCES job ON DELETE CASCADE,
    number integer NOT NULL,
    -- a message or a transfer
    target uuid NOT NULL,
    -- null: not done yet
    outcome text CHECK (outcome IN ('DONE', 'REFUSED')),
    code text,
    detail text,
    -- what came of it, such as the new transfer
    result text,
    at timestamptz,
    PRIMARY KEY (job_id, number)
);
CREATE INDEX job_item_open ON job_item (job_id, number) WHERE outcome IS NULL;
