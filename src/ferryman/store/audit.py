"""The audit log: rows are added at its end, and never changed."""

from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ferryman.domain.audit import Entry, content
from ferryman.store.database import SQL, Transaction

_BATCH = 1_000
END = 2**63 - 1
"""A number after every row."""


@dataclass(frozen=True, slots=True)
class AuditLink:
    """A row of the log: its number, what it says, and its hash."""

    seq: int
    entry: Entry
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The number and hash of the last row."""

    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Criteria for rows, combined with AND; ``since`` is inclusive, ``until`` exclusive."""

    actor: str | None = None
    operation: str | None = None
    customer: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def append(tx: Transaction, entry: Entry) -> int:
    """Add a row and return its number; others wait for the end of the transaction.

    Call it last in a transaction, or it might wait for a row that another one holds.
    """
    number = await SQL.append_audit(tx.connection, content=content(entry), **asdict(entry))
    return int(number)


async def page(tx: Transaction, choice: AuditFilter, *, before: int, size: int) -> list[AuditLink]:
    """Return up to ``size`` matching rows before a number, newest first."""
    rows = SQL.audit_page(tx.connection, before_seq=before, size=size, **asdict(choice))
    return [_link(row) async for row in rows]


async def walk(tx: Transaction, after: int = 0) -> AsyncIterator[AuditLink]:
    """Yield all rows after a number, in order."""
    while True:
        links = [
            _link(row) async for row in SQL.audit_after(tx.connection, after=after, size=_BATCH)
        ]
        for link in links:
            yield link
        if len(links) < _BATCH:
            return
        after = links[-1].seq


async def head(tx: Transaction) -> Head:
    """Return the end of the chain."""
    row = await SQL.audit_head(tx.connection)
    return Head(row["seq"], row["hash"])


def _link(row: Any) -> AuditLink:
    return AuditLink(
        row["seq"], Entry(**{name: row[name] for name in Entry.__dataclass_fields__}), row["hash"]
    )
