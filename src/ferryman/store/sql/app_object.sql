-- name: begin_app_object$
-- Null if the app was never on the site, or what it keeps there was deleted.
WITH place AS (
    SELECT app_site_id FROM app_site WHERE app_id = :app_id AND site = :site FOR KEY SHARE)
INSERT INTO app_object (
    file_key, app_site_id, cdn, key, state, size, checksum, checksum_type, content_type, since)
SELECT :file_key, app_site_id, :cdn, :key, 'OPEN', :size, :checksum, :checksum_type,
       :content_type, :now
FROM place
RETURNING file_key;

-- name: hold_app_site_for_objects$
-- Objects of a site are replaced one after the other; nobody deletes the site meanwhile.
SELECT app_site_id FROM app_site WHERE app_id = :app_id AND site = :site
FOR NO KEY UPDATE;

-- name: keep_app_object$
-- Null for one that was given up meanwhile.
UPDATE app_object SET state = 'KEPT', sha256 = :sha256, since = :now
WHERE file_key = :file_key AND state = 'OPEN'
RETURNING file_key;

-- name: end_app_object$
-- Null without an object under this key.
UPDATE app_object SET state = 'GONE', app_site_id = NULL, key = ''
WHERE app_site_id = :app_site_id AND cdn = :cdn AND key = :key AND state = 'KEPT'
RETURNING file_key;

-- name: give_up_app_object$
UPDATE app_object SET state = 'GONE', app_site_id = NULL, key = ''
WHERE file_key = :file_key AND state = 'OPEN'
RETURNING file_key;

-- name: app_object^
SELECT file_key, cdn, key, size, checksum, checksum_type, content_type, sha256, since
FROM app_object JOIN app_site USING (app_site_id)
WHERE app_id = :app_id AND site = :site AND cdn = :cdn AND key = :key AND state = 'KEPT';

-- name: page_of_app_objects
SELECT site, cdn, key, size, checksum, checksum_type, content_type, since
FROM app_site CROSS JOIN LATERAL (
    SELECT cdn, key, size, checksum, checksum_type, content_type, since FROM app_object
    WHERE app_object.app_site_id = app_site.app_site_id AND state = 'KEPT'
      AND (app_site.site COLLATE "C" > :after_site
        OR (cdn, key) > (CAST(:after_cdn AS boolean), CAST(:after_key AS text)))
    ORDER BY cdn, key
    LIMIT :size) AS kept
WHERE app_id = :app_id AND (CAST(:site AS text) IS NULL OR site = :site)
  AND site COLLATE "C" >= :after_site
ORDER BY site COLLATE "C", cdn, key
LIMIT :size;

-- name: any_app_object$
SELECT EXISTS (SELECT FROM app_object WHERE app_site_id = ANY(:app_site_ids));

-- name: end_app_objects^
-- Of sites that the caller holds: up to so many, and how many of them were complete.
WITH chosen AS (
    SELECT file_key, state FROM app_object WHERE app_site_id = ANY(:app_site_ids) LIMIT :size
), ended AS (
    UPDATE app_object SET state = 'GONE', app_site_id = NULL, key = ''
    WHERE file_key IN (SELECT file_key FROM chosen))
SELECT count(*) AS ended, count(*) FILTER (WHERE state = 'KEPT') AS kept FROM chosen;

-- name: end_unfinished_app_objects!
UPDATE app_object SET state = 'GONE', app_site_id = NULL, key = ''
WHERE file_key = ANY(ARRAY(
    SELECT file_key FROM app_object WHERE state = 'OPEN' AND since <= :before
    LIMIT :size
    FOR UPDATE SKIP LOCKED));

-- name: gone_app_objects
SELECT file_key FROM app_object WHERE state = 'GONE' AND file_key > :after
ORDER BY file_key
LIMIT :size;

-- name: forget_app_objects!
-- Their files are deleted.
DELETE FROM app_object WHERE file_key = ANY(:file_keys) AND state = 'GONE';
