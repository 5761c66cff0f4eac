-- Watching, delivering again in bulk, and removing what is over (ADR 0029).

-- Dead letters: listed, counted and delivered again without reading what was delivered.
CREATE INDEX message_undelivered ON message (position) WHERE state = 'UNDELIVERED';
CREATE INDEX message_undelivered_of_app ON message (app_id, position) WHERE state = 'UNDELIVERED';
CREATE INDEX message_undelivered_of_transfer ON message (transfer_id, position)
    WHERE state = 'UNDELIVERED';

-- The W3C trace context of the call that a message follows from.
ALTER TABLE message ADD COLUMN trace text;

-- What a worker counted since it began; it goes with the worker.
ALTER TABLE worker ADD COLUMN figures jsonb;

-- When attempts and timeline of a settled transfer were removed.
ALTER TABLE transfer ADD COLUMN details_removed_at timestamptz;
CREATE INDEX transfer_with_details ON transfer (settled_at)
    WHERE settled_at IS NOT NULL AND details_removed_at IS NULL;
CREATE INDEX transfer_settled ON transfer (settled_at) WHERE settled_at IS NOT NULL;

-- Without these each removed transfer would read whole tables for rows that refer to it.
CREATE INDEX transfer_repeated ON transfer (original_transfer_id)
    WHERE original_transfer_id IS NOT NULL;
CREATE INDEX transfer_skipped_by ON transfer (skipped_by) WHERE skipped_by IS NOT NULL;
CREATE INDEX upload_of_transfer ON upload (transfer_id);

-- Rows are copied in, so what is old stands together; such an index costs a load nothing.
CREATE INDEX mapping_by_age ON mapping USING brin (written_at);
CREATE INDEX mapping_earlier_by_age ON mapping_earlier USING brin (written_at);

-- By default a table is vacuumed after a fifth of it has changed. Of ten million finished messages
-- that is two million dead rows, which every claim would have to step over.
ALTER TABLE message SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0
);
-- Few rows, each written every second: room beside them keeps the writing in place.
ALTER TABLE worker SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100
);
ALTER TABLE breaker SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100
);
