-- name: values_of_keys
SELECT key, value, created_at, updated_at, expires_at
FROM app_value JOIN app_site USING (app_site_id)
WHERE app_id = :app_id AND site = :site AND secret = :secret AND entity = :entity
  AND key = ANY(:keys) AND (expires_at IS NULL OR expires_at > :now);

-- name: page_of_values
-- In the order of their keys. The last ones are left out if there are too many bytes before them;
-- ``found`` counts them as well.
SELECT key, value, created_at, updated_at, expires_at, found
FROM (
    SELECT page.*, count(*) OVER () AS found,
           sum(octet_length(value)) OVER (ORDER BY key) - octet_length(value) AS bytes_before
    FROM (
        SELECT key, value, created_at, updated_at, expires_at
        FROM app_value
        WHERE app_site_id = (
                SELECT app_site_id FROM app_site WHERE app_id = :app_id AND site = :site)
          AND NOT secret AND entity = :entity
          AND key > :after AND key >= :first AND key < :behind
          AND (expires_at IS NULL OR expires_at > :now)
        ORDER BY key
        LIMIT :size) AS page) AS sized
WHERE bytes_before < :bytes
ORDER BY key;

-- name: page_of_values_back
-- As page_of_values, from the last key to the first.
SELECT key, value, created_at, updated_at, expires_at, found
FROM (
    SELECT page.*, count(*) OVER () AS found,
           sum(octet_length(value)) OVER (ORDER BY key DESC) - octet_length(value)
               AS bytes_before
    FROM (
        SELECT key, value, created_at, updated_at, expires_at
        FROM app_value
        WHERE app_site_id = (
                SELECT app_site_id FROM app_site WHERE app_id = :app_id AND site = :site)
          AND NOT secret AND entity = :entity
          AND key < :after AND key >= :first AND key < :behind
          AND (expires_at IS NULL OR expires_at > :now)
        ORDER BY key DESC
        LIMIT :size) AS page) AS sized
WHERE bytes_before < :bytes
ORDER BY key DESC;

-- name: put_values
-- In the order of their keys, so that two calls never wait for each other. A key that keeps its
-- value, or an app that was never on the site, is not in the result.
INSERT INTO app_value (
    app_site_id, secret, entity, key, value, created_at, updated_at, expires_at)
SELECT app_site_id, :secret, given.entity, given.key, given.value, :now, :now, given.expires_at
FROM app_site CROSS JOIN unnest(
    CAST(:entities AS text[]), CAST(:keys AS text[]), CAST(:contents AS bytea[]),
    CAST(:expiries AS timestamptz[])
) AS given (entity, key, value, expires_at)
WHERE app_id = :app_id AND site = :site
ORDER BY given.entity COLLATE "C", given.key COLLATE "C"
FOR KEY SHARE OF app_site
ON CONFLICT (app_site_id, secret, entity, key) DO UPDATE
SET value = excluded.value, updated_at = excluded.updated_at, expires_at = excluded.expires_at,
    created_at = CASE
        WHEN app_value.expires_at <= :now THEN excluded.created_at
        ELSE app_value.created_at END
WHERE :override OR app_value.expires_at <= :now
RETURNING entity, key, created_at, updated_at, expires_at;

-- name: hold_value^
-- Locks a key. One without a value gets one whose lifetime is over, which nobody sees, so that
-- nobody else gives it one before the transaction ends.
INSERT INTO app_value (app_site_id, secret, entity, key, value, created_at, updated_at, expires_at)
SELECT app_site_id, :secret, :entity, :key, '', :now, :now, :now
FROM app_site WHERE app_id = :app_id AND site = :site
FOR KEY SHARE OF app_site
ON CONFLICT (app_site_id, secret, entity, key) DO UPDATE SET updated_at = app_value.updated_at
RETURNING key, value, created_at, updated_at, expires_at;

-- name: delete_values!
-- In the order of their keys, as they are written; the site first, whose values may just be placed
-- again, each with a place that its deletion would wait for.
WITH held AS MATERIALIZED (
    SELECT app_site_id FROM app_site WHERE app_id = :app_id AND site = :site FOR KEY SHARE
), chosen AS (
    SELECT app_site_id, secret, entity, key
    FROM app_value JOIN held USING (app_site_id)
    WHERE secret = :secret AND entity = :entity AND key = ANY(:keys)
    ORDER BY key
    FOR UPDATE OF app_value)
DELETE FROM app_value USING chosen
WHERE app_value.app_site_id = chosen.app_site_id AND app_value.secret = chosen.secret
  AND app_value.entity = chosen.entity AND app_value.key = chosen.key;

-- name: app_site^
SELECT app_site_id, placed_by FROM app_site WHERE app_id = :app_id AND site = :site;

-- name: hold_app_site^
-- Until the transaction ends, nobody deletes what the app keeps there, or places it otherwise.
SELECT app_site_id, placed_by FROM app_site
WHERE app_id = :app_id AND site = :site
FOR KEY SHARE;

-- name: hold_customer_of_site$
-- Until the transaction ends, nobody begins to delete that customer.
SELECT customer FROM migration_scope JOIN customer USING (customer)
WHERE cloud_url = :site AND expunged_at IS NULL
LIMIT 1
FOR SHARE OF customer;

-- name: open_app_site$
-- Null for an app that was removed.
WITH owner AS (
    SELECT app_id FROM app WHERE app_id = :app_id AND removed_at IS NULL FOR SHARE)
INSERT INTO app_site (app_id, site) SELECT app_id, :site FROM owner
ON CONFLICT (app_id, site) DO UPDATE SET site = excluded.site
RETURNING app_site_id;

-- name: app_sites
SELECT app_site_id, site FROM app_site
WHERE app_id = :app_id AND (CAST(:site AS text) IS NULL OR site = :site)
ORDER BY site COLLATE "C";

-- name: app_sites_of_customer
-- Sites that no other customer has: what apps keep there is this customer's. One that is being
-- deleted as well counts no more, so that of two at once the later one leaves nothing.
SELECT app_site_id FROM app_site
WHERE site IN (SELECT cloud_url FROM migration_scope WHERE customer = :customer)
  AND NOT EXISTS (
      SELECT FROM migration_scope JOIN customer other USING (customer)
      WHERE migration_scope.cloud_url = app_site.site AND other.customer <> :customer
        AND other.expunged_at IS NULL);

-- name: page_of_state
-- Plain values first, then those of each entity, then secrets, each in the order of their keys; as
-- page_of_values.
SELECT secret, entity, key, value, created_at, updated_at, expires_at, found
FROM (
    SELECT page.*, count(*) OVER () AS found,
           sum(octet_length(value)) OVER (ORDER BY secret, entity, key) - octet_length(value)
               AS bytes_before
    FROM (
        SELECT secret, entity, key, value, created_at, updated_at, expires_at
        FROM app_value
        WHERE app_site_id = :app_site_id
          AND (secret, entity, key) > (
              CAST(:after_secret AS boolean), CAST(:after_entity AS text), CAST(:after_key AS text))
          AND starts_with(key, :prefix)
          AND (expires_at IS NULL OR expires_at > :now)
        ORDER BY secret, entity, key
        LIMIT :size) AS page) AS sized
WHERE bytes_before < :bytes
ORDER BY secret, entity, key;

-- name: hold_app_sites
SELECT app_site_id FROM app_site WHERE app_site_id = ANY(:app_site_ids)
ORDER BY app_site_id
FOR UPDATE;

-- name: app_sites_of_removed
-- Where the removal of an app was interrupted.
SELECT app_site_id FROM app_site JOIN app USING (app_id) WHERE removed_at IS NOT NULL;

-- name: purge_values$
-- In the order in which they are written.
WITH gone AS (
    DELETE FROM app_value WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM app_value WHERE app_site_id = ANY(:app_site_ids)
        ORDER BY app_site_id, secret, entity, key
        LIMIT :size
        FOR UPDATE))
    RETURNING 1)
SELECT count(*) FROM gone;

-- name: purge_app_sites!
DELETE FROM app_site WHERE app_site_id = ANY(:app_site_ids);

-- name: remove_expired_values$
WITH gone AS (
    DELETE FROM app_value WHERE ctid = ANY(ARRAY(
        SELECT app_value.ctid FROM app_value JOIN app_site USING (app_site_id)
        WHERE expires_at <= :now
        LIMIT :size
        FOR KEY SHARE OF app_site SKIP LOCKED
        FOR UPDATE OF app_value SKIP LOCKED))
    RETURNING 1)
SELECT count(*) FROM gone;

-- name: secret_values
SELECT app_site_id, key, value FROM app_value WHERE secret
ORDER BY app_site_id, key
FOR UPDATE;

-- name: set_secret_value!
UPDATE app_value SET value = :value
WHERE app_site_id = :app_site_id AND secret AND entity = '' AND key = :key;
