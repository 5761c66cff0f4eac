-- Since when transfers' deadlines stand still; null: they run. Set by a restore, and while no events
-- are delivered.
ALTER TABLE clock ADD COLUMN held_since timestamptz;
