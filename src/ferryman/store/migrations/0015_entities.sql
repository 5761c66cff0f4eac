-- Custom entities of Forge apps (ADR 88).

-- Values of an entity have keys of their own; the plain ones and secrets have the entity ''.
ALTER TABLE app_value ADD COLUMN entity text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE app_value DROP CONSTRAINT app_value_pkey;
ALTER TABLE app_value ADD PRIMARY KEY (app_site_id, secret, entity, key);

-- The digest of the entities by which the values of the site are in app_value_place; null if none
-- was ever put there.
ALTER TABLE app_site ADD COLUMN placed_by bytea;

-- Where the indexes of an entity have its values. A page of an index is read in the order of the
-- primary key, so it costs the same however many values there are.
CREATE TABLE app_value_place (
    app_site_id bigint NOT NULL,
    entity text COLLATE "C" NOT NULL,
    index_name text COLLATE "C" NOT NULL,
    -- digest of the partition attributes
    partition bytea NOT NULL,
    -- the range attribute, in bytes that compare as its values do
    place bytea NOT NULL,
    key text COLLATE "C" NOT NULL,
    secret boolean NOT NULL DEFAULT false,
    PRIMARY KEY (app_site_id, entity, index_name, partition, place, key),
    FOREIGN KEY (app_site_id, secret, entity, key) REFERENCES app_value ON DELETE CASCADE
);
CREATE INDEX app_value_place_of_value ON app_value_place (app_site_id, entity, key);
