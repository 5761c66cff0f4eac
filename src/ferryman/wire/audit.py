"""The audit log (admin surface). Times are epoch milliseconds."""

from typing import Any

from ferryman.wire.base import Wire


class AuditRow(Wire, frozen=True):
    """Changes of one call: who called from where, and the state before and after.

    ``hash`` is the SHA-256 of the previous row's hash and of this row, in hexadecimal digits.
    """

    seq: int
    at: int
    actor: str
    role: str
    address: str | None
    request: str | None
    operation: str
    customer: str | None
    target: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    hash: str


class AuditPage(Wire, frozen=True):
    """Rows of the audit log, newest first."""

    items: list[AuditRow]
    next_cursor: str | None = None


class AuditProof(Wire, frozen=True):
    """The result of checking the chain; ``broken_at`` is the first row that does not fit.

    Keep ``seq`` and ``hash`` elsewhere: a later check that is given them finds rows that were
    removed from the end, or a chain that was computed again.
    """

    ok: bool
    rows: int
    seq: int
    hash: str
    broken_at: int | None = None
    found: str | None = None
