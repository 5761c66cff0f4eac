-- When rows whose time is over were last removed: workers without the files do it as well.
ALTER TABLE sweep ADD COLUMN maintained_at timestamptz;
