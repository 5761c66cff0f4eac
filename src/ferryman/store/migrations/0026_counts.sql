-- What explains a transfer with many messages, found without a look at all of them (ADR 100).

-- Those without acknowledgement, oldest first. By their time: there is an index of the positions of
-- all messages, which PostgreSQL would walk through instead.
DROP INDEX message_outstanding;
CREATE INDEX message_outstanding ON message (transfer_id, created_at, position)
    WHERE acknowledgement IS NULL AND event_type = 'avi:ecosystem.migration:uploaded:app_data';

-- Those that did not get through.
CREATE INDEX message_troubled ON message (transfer_id, created_at, position)
    WHERE acknowledgement IS NULL
        AND (state = 'UNDELIVERED' OR (state = 'PENDING' AND reason IS NOT NULL));

-- The few entries that are looked for by their kind.
CREATE INDEX timeline_of_kind ON timeline (transfer_id, kind, at)
    WHERE kind IN ('message.not_routed', 'progress.reported', 'progress.ignored');
