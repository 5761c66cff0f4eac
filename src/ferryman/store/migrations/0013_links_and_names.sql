-- Whether who has a link to a migration may also take its report, which names causes and people.
ALTER TABLE migration_link ADD COLUMN report boolean NOT NULL DEFAULT false;

-- What a part of a name has in common with the name: its runs of three characters. So an index finds
-- any part of a name; words alone would find the beginnings of words.
CREATE FUNCTION name_parts(given text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT substr(lowered, n, 3)), '{}')
    FROM lower(given) AS lowered, generate_series(1, length(lowered) - 2) AS n
$$;
CREATE INDEX migration_by_part ON migration USING gin (name_parts(name));
