-- Installations of Connect apps. app.shared_secret is the current secret; an app without one is
-- not installed. Here are the secrets around it, the lifecycle call under way and what came of it.

CREATE TABLE installation (
    app_id uuid PRIMARY KEY REFERENCES app ON DELETE CASCADE,
    -- sent to the app, which may have taken it; not yet the current one
    offered_secret text,
    previous_secret text,
    previous_until timestamptz,
    call_id uuid,
    call_until timestamptz,
    installed_at timestamptz,
    uninstalled_at timestamptz,
    last_event text,
    last_at timestamptz,
    last_status integer,
    last_error text,
    CHECK ((previous_secret IS NULL) = (previous_until IS NULL)),
    CHECK ((call_id IS NULL) = (call_until IS NULL))
);
