-- name: page_of_index
-- In the order of places and keys; as page_of_values. Each value is looked up by itself, which no
-- plan can do in another way. There is one condition on where to begin: of two, PostgreSQL may begin at
-- the earlier one.
SELECT place, key, value, created_at, updated_at, expires_at, found
FROM (
    SELECT page.*, count(*) OVER () AS found,
           sum(octet_length(value)) OVER (ORDER BY place, key) - octet_length(value)
               AS bytes_before
    FROM (
        SELECT place, key, kept.*
        FROM app_value_place AS spot CROSS JOIN LATERAL (
            SELECT value, created_at, updated_at, expires_at FROM app_value
            WHERE app_value.app_site_id = spot.app_site_id AND app_value.secret = spot.secret
              AND app_value.entity = spot.entity AND app_value.key = spot.key
              AND (expires_at IS NULL OR expires_at > :now)
            OFFSET 0) AS kept
        WHERE app_site_id = :app_site_id AND entity = :entity AND index_name = :index_name
          AND partition = :partition AND place < :behind
          AND (place, key) > (CAST(:after_place AS bytea), CAST(:after_key AS text))
        ORDER BY place, key
        LIMIT :size) AS page) AS sized
WHERE bytes_before < :bytes
ORDER BY place, key;

-- name: page_of_index_back
-- As page_of_index, from the last place to the first.
SELECT place, key, value, created_at, updated_at, expires_at, found
FROM (
    SELECT page.*, count(*) OVER () AS found,
           sum(octet_length(value)) OVER (ORDER BY place DESC, key DESC) - octet_length(value)
               AS bytes_before
    FROM (
        SELECT place, key, kept.*
        FROM app_value_place AS spot CROSS JOIN LATERAL (
            SELECT value, created_at, updated_at, expires_at FROM app_value
            WHERE app_value.app_site_id = spot.app_site_id AND app_value.secret = spot.secret
              AND app_value.entity = spot.entity AND app_value.key = spot.key
              AND (expires_at IS NULL OR expires_at > :now)
            OFFSET 0) AS kept
        WHERE app_site_id = :app_site_id AND entity = :entity AND index_name = :index_name
          AND partition = :partition AND place >= :first
          AND (place, key) < (CAST(:after_place AS bytea), CAST(:after_key AS text))
        ORDER BY place DESC, key DESC
        LIMIT :size) AS page) AS sized
WHERE bytes_before < :bytes
ORDER BY place DESC, key DESC;

-- name: clear_places!
-- Of values that are written again.
DELETE FROM app_value_place USING unnest(
    CAST(:entities AS text[]), CAST(:keys AS text[])
) AS given (entity, key)
WHERE app_site_id = :app_site_id AND app_value_place.entity = given.entity
  AND app_value_place.key = given.key;

-- name: add_places!
INSERT INTO app_value_place (app_site_id, entity, key, index_name, partition, place)
SELECT :app_site_id, given.entity, given.key, given.index_name, given.partition, given.place
FROM unnest(
    CAST(:entities AS text[]), CAST(:keys AS text[]), CAST(:index_names AS text[]),
    CAST(:partitions AS bytea[]), CAST(:places AS bytea[])
) AS given (entity, key, index_name, partition, place);

-- name: hold_places^
-- Until the transaction ends, nobody writes values of the site.
SELECT app_site_id, placed_by FROM app_site WHERE app_id = :app_id AND site = :site FOR UPDATE;

-- name: clear_all_places!
DELETE FROM app_value_place WHERE app_site_id = :app_site_id;

-- name: values_to_place
SELECT entity, key, value FROM app_value
WHERE app_site_id = :app_site_id AND NOT secret AND entity <> ''
  AND (entity, key) > (CAST(:after_entity AS text), CAST(:after_key AS text))
ORDER BY entity, key
LIMIT :size;

-- name: set_placed_by!
UPDATE app_site SET placed_by = :digest WHERE app_site_id = :app_site_id;
