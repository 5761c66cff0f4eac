-- What an explanation needs to know of how an attempt ended (ADR 0041): it failed although the app
-- had acknowledged the message; or functions alone had it and returned, and what they left running.
ALTER TABLE attempt
    ADD COLUMN after_acknowledgement boolean NOT NULL DEFAULT false,
    ADD COLUMN returned boolean NOT NULL DEFAULT false,
    ADD COLUMN left_running text;

CREATE INDEX attempt_after_acknowledgement ON attempt (message_id) WHERE after_acknowledgement;
