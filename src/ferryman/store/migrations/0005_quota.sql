-- What an upload may hold: so many parts were allowed, each of at most so many bytes (ADR 0067).
ALTER TABLE upload ADD COLUMN parts integer NOT NULL DEFAULT 0;
ALTER TABLE upload ADD COLUMN largest_part bigint NOT NULL DEFAULT 0;
