-- Whether one of the agents may claim a claimable transfer (ADR 0039): any of them if it was never
-- claimed or its claim is lost, else the one that claimed it before but no longer runs it.
CREATE FUNCTION may_claim(
    transfer_id uuid, claims integer, claimed_by text, lost boolean, agents text[], running uuid[]
) RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN claims = 0 OR transfer_id <> ALL (running) AND (claimed_by = ANY (agents) OR lost);
