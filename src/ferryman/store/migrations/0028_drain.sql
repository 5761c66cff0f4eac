-- Workers by what they are, so that one can be drained: it finishes what it holds and claims nothing
-- more. A worker of an earlier version writes none of this, and cannot be drained.
ALTER TABLE worker
    ADD COLUMN host text,
    ADD COLUMN pid integer,
    ADD COLUMN version text,
    ADD COLUMN started_at timestamptz,
    ADD COLUMN draining_since timestamptz;
