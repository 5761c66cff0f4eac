-- What explains a transfer with many messages, found without a look at all of them (ADR 100).

-- Those without acknowledgement, oldest first.
DROP INDEX message_outstanding;
CREATE INDEX message_outstanding ON message (transfer_id, position)
    WHERE acknowledgement IS NULL AND event_type = 'avi:ecosystem.migration:uploaded:app_data';

-- Those that failed and are tried again.
CREATE INDEX message_failing ON message (transfer_id, position)
    WHERE state = 'PENDING' AND reason IS NOT NULL AND acknowledgement IS NULL;

-- The few entries that are looked for by their kind.
CREATE INDEX timeline_of_kind ON timeline (transfer_id, kind, at)
    WHERE kind IN ('message.not_routed', 'progress.reported', 'progress.ignored');
