-- What apps called and what they were answered, on platforms with a virtual clock (ADR 0035).

CREATE TABLE app_call (
    call_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transfer_id uuid NOT NULL REFERENCES transfer ON DELETE CASCADE,
    at timestamptz NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    query text NOT NULL,
    status integer NOT NULL,
    -- null: none, too large to keep, or no text
    request text,
    request_size bigint NOT NULL,
    request_sha256 text NOT NULL,
    answer text,
    answer_size bigint NOT NULL,
    answer_sha256 text NOT NULL
);
CREATE INDEX app_call_of_transfer ON app_call (transfer_id, call_id);
