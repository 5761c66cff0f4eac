-- What a worker fails at over and over, in its own words, and since when (ADR 0032).
ALTER TABLE worker ADD COLUMN error text, ADD COLUMN failing_since timestamptz;
