-- name: lock_installation^
-- Inserts the app's row if needed; whoever holds its lock decides alone.
INSERT INTO installation (app_id) VALUES (:app_id)
ON CONFLICT (app_id) DO UPDATE SET app_id = excluded.app_id
RETURNING *;

-- name: installations
SELECT * FROM installation WHERE app_id = ANY(:app_ids);

-- name: begin_lifecycle_call!
UPDATE installation SET call_id = :call_id, call_until = :call_until,
    offered_secret = coalesce(:offered_secret, offered_secret)
WHERE app_id = :app_id;

-- name: record_lifecycle_call!
UPDATE installation SET last_event = :event, last_at = :now, last_status = :status,
    last_error = :error
WHERE app_id = :app_id;

-- name: end_lifecycle_call!
UPDATE installation SET call_id = NULL, call_until = NULL WHERE app_id = :app_id;

-- name: drop_offer!
UPDATE installation SET offered_secret = NULL WHERE app_id = :app_id;

-- name: accept_offer!
-- The offered secret becomes current; the previous one stays valid for a while.
WITH before AS (SELECT shared_secret FROM app WHERE app_id = :app_id),
     taken AS (
         UPDATE installation SET offered_secret = NULL,
             previous_secret = before.shared_secret,
             previous_until =
                 CASE WHEN before.shared_secret IS NOT NULL THEN :previous_until::timestamptz END,
             installed_at = :now, uninstalled_at = NULL
         FROM before WHERE app_id = :app_id)
UPDATE app SET shared_secret = :secret WHERE app_id = :app_id;

-- name: remove_credentials!
-- From now on none of the app's secrets is accepted, and no event is sent to it.
WITH gone AS (
    UPDATE installation SET offered_secret = NULL, previous_secret = NULL, previous_until = NULL,
        installed_at = NULL, uninstalled_at = :now
    WHERE app_id = :app_id)
UPDATE app SET shared_secret = NULL, webhooks = '{}' WHERE app_id = :app_id;
