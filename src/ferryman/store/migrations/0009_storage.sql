-- The end of stored files (ADR 0025), and the timer of the sweep that brings it about.

-- From then on the file cannot be read; its object goes right after.
ALTER TABLE app_data ADD COLUMN deleted_at timestamptz;
CREATE INDEX app_data_kept ON app_data (transfer_id) WHERE deleted_at IS NULL;

-- One row. job_id is the timer in the queue, due_at its platform time.
CREATE TABLE sweep (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    job_id bigint,
    due_at timestamptz,
    report jsonb,
    error text,
    CHECK ((job_id IS NULL) = (due_at IS NULL))
);
INSERT INTO sweep DEFAULT VALUES;
