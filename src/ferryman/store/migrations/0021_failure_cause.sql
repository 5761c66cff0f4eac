-- Why an attempt failed, as whoever saw it fail says, and what the app's code raised (ADR 0045).
-- Attempts of earlier releases have none of it.
ALTER TABLE attempt
    ADD COLUMN cause text,
    ADD COLUMN error_class text,
    ADD COLUMN error_message text,
    ADD COLUMN error_frame text;
