-- name: app_sql_site$
-- The site of an app that has an SQL database there.
SELECT app_site_id FROM app_site WHERE app_id = :app_id AND site = :site AND has_sql;

-- name: begin_app_sql$
-- Set before the database is made. The caller holds the row.
UPDATE app_site SET has_sql = true WHERE app_id = :app_id AND site = :site
RETURNING app_site_id;

-- name: app_sql_sites_of_app
SELECT app_site_id, site FROM app_site
WHERE app_id = :app_id AND has_sql AND site >= :began
  AND (CAST(:site AS text) IS NULL OR site = :site)
ORDER BY site;

-- name: app_sql_sites
SELECT app_site_id FROM app_site WHERE app_site_id = ANY(:app_site_ids) AND has_sql
ORDER BY app_site_id;
