-- name: insert_app_call!
-- Of a call that names no transfer of the app, nor a file of one, nothing is kept.
INSERT INTO app_call (transfer_id, at, method, path, query, status, request, request_size,
                      request_sha256, answer, answer_size, answer_sha256)
SELECT transfer_id, :now, :method, :path, :query, :status, :request, :request_size,
       :request_sha256, :answer, :answer_size, :answer_sha256
FROM transfer
WHERE app_id = :app_id AND transfer_id = coalesce(
    (SELECT app_data.transfer_id FROM app_data WHERE key = :named), :named);

-- name: app_call_page
SELECT * FROM app_call WHERE transfer_id = :transfer_id AND call_id > :after
ORDER BY call_id LIMIT :size;

-- name: messages_by_first_attempt
-- Those that were never tried stand where they were created.
SELECT * FROM (
    SELECT message.*, coalesce(
        (SELECT min(started_at) FROM attempt WHERE attempt.message_id = message.message_id),
        created_at) AS first_at
    FROM message WHERE transfer_id = :transfer_id) tried
WHERE (first_at, position) > (:after_at, :after_position)
ORDER BY first_at, position
LIMIT :size;

-- name: containers_of
SELECT * FROM container WHERE migration_id = :migration_id ORDER BY position;

-- name: any_migration$
SELECT EXISTS (SELECT FROM migration);

-- name: replayed_original$
-- Stands in for the transfer that was run again; nobody claims it.
INSERT INTO transfer (transfer_id, migration_id, app_id, created_at, status, window_seconds)
VALUES (:transfer_id, :migration_id, :app_id, :now, 'READY', :window_seconds)
RETURNING transfer_id;
