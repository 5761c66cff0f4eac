-- The virtual clock may stand still, and a seeded platform counts the processes it was started as.
ALTER TABLE clock ADD COLUMN frozen_at timestamptz;
ALTER TABLE clock ADD COLUMN starts integer NOT NULL DEFAULT 0;
