-- What lists need to cost the same beside any number of transfers (ADR 0079).


-- Transfers

-- When a transfer counts as stuck unless something moves it: half of its window after what moved its
-- deadline last, or a minute after it was offered to agents. Null: it is over, waits for others, or
-- nothing runs against it. domain/attention.py has the same rule.
CREATE FUNCTION stuck_from(transfer) RETURNS timestamptz LANGUAGE sql STABLE
RETURN CASE
    WHEN $1.status = 'IN_PROGRESS' THEN
        greatest($1.started_at, $1.last_upload_at, $1.last_success_at)
            + make_interval(secs => $1.window_seconds / 2)
    WHEN $1.status = 'READY' AND $1.claims = 0 AND $1.depends_on = '{}' THEN
        $1.released_at + interval '1 minute'
END;

-- Those that may be stuck, in the order of the lists. It has no time that an upload moves: such
-- updates would have to write every index of the row.
CREATE INDEX transfer_live ON transfer (created_at, transfer_id)
    WHERE status IN ('READY', 'IN_PROGRESS');


-- Messages

-- All but those of files, which are many and are not found by their event.
CREATE INDEX message_of_event ON message (event_type, position)
    WHERE event_type <> 'avi:ecosystem.migration:uploaded:app_data';
