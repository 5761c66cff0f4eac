-- Traces by which a transfer is explained: what apps were refused, and who asks for work. Both are
-- bounded by what there is: apps, their transfers, the calls of the API and its codes.

CREATE TABLE refusal (
    app_id uuid NOT NULL REFERENCES app ON DELETE CASCADE,
    -- the transfer that the call named, its own or another app's; null: none that there is
    transfer_id uuid REFERENCES transfer ON DELETE CASCADE,
    call text NOT NULL,
    code text NOT NULL,
    found text NOT NULL,
    fix text NOT NULL,
    times bigint NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (app_id, transfer_id, call, code)
);
CREATE INDEX refusal_of_transfer ON refusal (transfer_id) WHERE transfer_id IS NOT NULL;

CREATE TABLE asking (
    app_id uuid PRIMARY KEY REFERENCES app ON DELETE CASCADE,
    agent_id text,
    asked_at timestamptz NOT NULL
);
