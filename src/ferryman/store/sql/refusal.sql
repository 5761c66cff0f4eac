-- name: record_refusal!
-- :named is the id of a transfer, an upload or a file; an unknown id is stored as null.
INSERT INTO refusal (app_id, transfer_id, call, code, found, fix, first_at, last_at)
VALUES (:app_id, coalesce(
            (SELECT transfer_id FROM transfer WHERE transfer_id = :named),
            (SELECT transfer_id FROM upload WHERE upload_id = :named),
            (SELECT transfer_id FROM upload WHERE key = :named)),
        :call, :code, :found, :fix, :now, :now)
ON CONFLICT (app_id, transfer_id, call, code) DO UPDATE SET
    found = excluded.found, fix = excluded.fix, times = refusal.times + 1,
    last_at = excluded.last_at;

-- name: refusals_around
-- The app's refusals without a transfer, and anybody's with this transfer; latest first.
SELECT refusal.app_id, call, code, found, fix, times, last_at, cloud_app_key, environment
FROM refusal JOIN app USING (app_id)
WHERE (app_id = :app_id AND transfer_id IS NULL AND last_at >= :since)
   OR transfer_id = :transfer_id
ORDER BY last_at DESC
LIMIT :size;

-- name: refusals_of_transfer
-- Those of its own app: with this transfer, and since its creation without any; latest first.
SELECT call, code, found, fix, times, last_at, named FROM (
    SELECT refusal.*, refusal.transfer_id IS NOT NULL AS named
    FROM transfer JOIN refusal USING (app_id)
    WHERE transfer.transfer_id = :transfer_id
        AND (refusal.transfer_id = :transfer_id
            OR refusal.transfer_id IS NULL AND last_at >= transfer.created_at)
) own
WHERE CAST(:before AS timestamptz) IS NULL
    OR (last_at, call, code, named) < (:before, :before_call, :before_code, :before_named)
ORDER BY last_at DESC, call DESC, code DESC, named DESC
LIMIT :size;

-- name: record_asking!
-- Written only every few seconds, however often an agent polls.
INSERT INTO asking (app_id, agent_id, asked_at) VALUES (:app_id, :agent_id, :now)
ON CONFLICT (app_id) DO UPDATE SET agent_id = excluded.agent_id, asked_at = excluded.asked_at
WHERE asking.asked_at < :unless_since OR asking.agent_id IS DISTINCT FROM excluded.agent_id;

-- name: app_of_any_token^
SELECT token.audience, app_id FROM token WHERE digest = :digest;

-- name: askings
-- Who polled for this app, in all of its environments.
SELECT app.app_id, environment, agent_id, asked_at
FROM app LEFT JOIN asking USING (app_id)
WHERE cloud_app_key = :cloud_app_key
ORDER BY environment
LIMIT 20;
