-- When a migration is to start by itself (ADR 98). Its transfers have a timer for that time.
ALTER TABLE migration ADD COLUMN start_at timestamptz;
