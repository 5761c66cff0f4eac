-- name: saved_views
SELECT page, name, query FROM saved_view
WHERE actor = :actor AND (CAST(:page AS text) IS NULL OR page = :page)
ORDER BY page, name;

-- name: save_view!
INSERT INTO saved_view (actor, page, name, query) VALUES (:actor, :page, :name, :query)
ON CONFLICT (actor, page, name) DO UPDATE SET query = excluded.query;

-- name: remove_view$
DELETE FROM saved_view WHERE actor = :actor AND page = :page AND name = :name RETURNING name;
