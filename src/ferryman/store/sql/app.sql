-- name: upsert_app^
-- Registering the same key and environment again replaces the definition.
INSERT INTO app (app_id, kind, server_app_key, cloud_app_key, environment, forge_app_id, manifest,
                 source, descriptor, access_scopes, window_seconds, shared_secret, created_at)
VALUES (:app_id, :kind, :server_app_key, :cloud_app_key, :environment, :forge_app_id, :manifest,
        :source, :descriptor, :access_scopes, :window_seconds, :shared_secret, :now)
ON CONFLICT (cloud_app_key, environment) DO UPDATE SET
    kind = excluded.kind, server_app_key = excluded.server_app_key,
    forge_app_id = excluded.forge_app_id, manifest = excluded.manifest, source = excluded.source,
    descriptor = excluded.descriptor, access_scopes = excluded.access_scopes,
    window_seconds = excluded.window_seconds,
    shared_secret = coalesce(app.shared_secret, excluded.shared_secret),
    -- A removed app may come back; a suspended one stays suspended.
    suspended_at = CASE WHEN app.removed_at IS NULL THEN app.suspended_at END,
    removed_at = NULL
RETURNING *;

-- name: insert_token!
INSERT INTO token (digest, app_id, audience, created_at)
VALUES (:digest, :app_id, :audience, :now);

-- name: revoke_older_tokens$
-- All but those of the last registration.
WITH gone AS (
    DELETE FROM token
    WHERE app_id = :app_id AND created_at < (
        SELECT max(created_at) FROM token newest WHERE newest.app_id = :app_id)
    RETURNING 1)
SELECT count(*) FROM gone;

-- name: app_of_token^
SELECT app.* FROM token JOIN app USING (app_id)
WHERE token.digest = :digest AND token.audience = :audience;

-- name: app_by_id^
SELECT * FROM app WHERE app_id = :app_id;

-- name: app_by_id_shared^
-- Whoever changes the app waits until the transaction ends.
SELECT * FROM app WHERE app_id = :app_id FOR SHARE;

-- name: hold_apps!
-- An exclusive lock: with many sharing one, nobody would ever get to change the app.
SELECT FROM app WHERE app_id = ANY(:app_ids) ORDER BY app_id FOR NO KEY UPDATE;

-- name: apps_by_ids
SELECT * FROM app WHERE app_id = ANY(:app_ids);

-- name: app_versions
SELECT app_id, CAST(xmin AS text) AS version FROM app WHERE app_id = ANY(:app_ids);

-- name: apps_by_cloud_key
SELECT * FROM app WHERE cloud_app_key = :cloud_app_key ORDER BY environment;

-- name: app_page
-- Every filter may be null. An app has one environment, so two of them match nothing.
SELECT * FROM app
WHERE (created_at, app_id) > (:after_at, :after_id) AND removed_at IS NULL
    AND (CAST(:kind AS text) IS NULL OR kind = :kind)
    AND (CAST(:cloud_app_key AS text) IS NULL
        OR cloud_app_key = :cloud_app_key OR app_id = CAST(:app_id AS uuid))
    AND environment = ALL (CAST(:environments AS text[]))
    AND (CAST(:apps AS text[]) IS NULL OR cloud_app_key = ANY (:apps))
ORDER BY created_at, app_id
LIMIT :size;

-- name: set_webhooks!
UPDATE app SET webhooks = :webhooks WHERE app_id = :app_id;

-- name: app_ids
-- Also of apps that were removed: their transfers are still there. Every filter may be null.
SELECT app_id FROM app
WHERE (CAST(:apps AS text[]) IS NULL OR cloud_app_key = ANY (:apps))
    AND (CAST(:environment AS text) IS NULL OR environment = :environment);
