-- name: append_audit$
-- The head is locked until the transaction ends, so this comes last. Whoever waited for it reads
-- the new head, as an UPDATE does.
WITH head AS (
    UPDATE audit_head
    SET seq = seq + 1, hash = sha256(hash || int8send(seq + 1) || CAST(:content AS bytea))
    RETURNING seq, hash)
INSERT INTO audit (seq, at, actor, role, address, request, operation, customer, target, before,
                   after, hash)
SELECT seq, :at, :actor, :role, :address, :request, :operation, :customer, :target, :before, :after,
       hash
FROM head
RETURNING seq;

-- name: audit_page
-- Rows after a number in order, or before one in the reverse order. Every filter may be null.
SELECT * FROM audit
WHERE seq < :before_seq
    AND (CAST(:actor AS text) IS NULL OR actor = :actor)
    AND (CAST(:operation AS text) IS NULL OR operation = :operation)
    AND (CAST(:customer AS text) IS NULL OR customer = :customer)
    AND (CAST(:target AS text) IS NULL OR target = :target)
    AND (CAST(:since AS timestamptz) IS NULL OR at >= :since)
    AND (CAST(:until AS timestamptz) IS NULL OR at < :until)
ORDER BY seq DESC
LIMIT :size;

-- name: audit_after
SELECT * FROM audit WHERE seq > :after ORDER BY seq LIMIT :size;

-- name: audit_head^
SELECT seq, hash FROM audit_head;
