-- name: has_app_sql$
SELECT has_sql FROM app_site WHERE app_id = :app_id AND site = :site;

-- name: begin_app_sql!
-- Set before the database is made. The caller holds the row.
UPDATE app_site SET has_sql = true WHERE app_id = :app_id AND site = :site;

-- name: app_sql_sites_of_app
SELECT site FROM app_site
WHERE app_id = :app_id AND has_sql AND site >= :began
  AND (CAST(:site AS text) IS NULL OR site = :site)
ORDER BY site;

-- name: app_sql_sites
SELECT app_id, site FROM app_site WHERE app_site_id = ANY(:app_site_ids) AND has_sql
ORDER BY app_site_id;

-- name: app_sql_count$
SELECT count(*) FROM app_site WHERE has_sql;

-- name: every_app_sql
SELECT app_id, site FROM app_site WHERE has_sql ORDER BY app_site_id;
