-- Events to the webhooks of Connect apps: no fixed number of attempts, and a place to wait for an
-- address (ADR 0016).

ALTER TABLE message ALTER COLUMN allowed DROP NOT NULL;
ALTER TABLE message ADD COLUMN earlier integer NOT NULL DEFAULT 0;
UPDATE message SET earlier = allowed - 5 WHERE allowed > 5;
ALTER TABLE message ADD COLUMN reached text[] NOT NULL DEFAULT '{}';
ALTER TABLE message DROP CONSTRAINT message_lane_check;
ALTER TABLE message ADD CONSTRAINT message_lane_check
    CHECK (lane IN ('WAITING', 'RELEASED', 'DEFERRED', 'PARKED'));
CREATE INDEX message_parked ON message (app_id) WHERE state = 'PENDING' AND lane = 'PARKED';
