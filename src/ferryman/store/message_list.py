"""List messages of all transfers page by page."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from ferryman.store import listing
from ferryman.store.database import SQL, Transaction
from ferryman.store.listing import FEW, Total
from ferryman.store.message import StoredMessage, stored_message
from ferryman.vocab import Acknowledged, FailureCause, GroupedBy, ListSort, MessageState

_LAST = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageListFilter:
    """Criteria for messages, combined with AND; ``since`` is inclusive, ``until`` exclusive.

    ``label`` is a pattern for the file's label; with ``text``, the last error may match instead.
    ``cause`` and ``status`` are those of the last attempt.
    """

    app_ids: Sequence[UUID] | None = None
    transfer_id: UUID | None = None
    migration_id: UUID | None = None
    scope_ids: Sequence[UUID] | None = None
    state: MessageState | None = None
    event_types: Sequence[str] | None = None
    acknowledgement: Acknowledged | None = None
    since: datetime | None = None
    until: datetime | None = None
    cause: FailureCause | None = None
    status: int | None = None
    label: str | None = None
    text: str | None = None
    stuck_at: datetime | None = None
    customers: Sequence[str] | None = None
    among: Sequence[UUID] | None = None


async def narrowed(tx: Transaction, choice: MessageListFilter) -> MessageListFilter:
    """Look up a rare text, cause or missing acknowledgement, so that the list reads just those."""
    found: list[set[UUID]] = []
    if choice.text is not None:
        of_text = await SQL.messages_of_text(
            tx.connection, text=choice.text, label=choice.label, most=FEW
        )
        if of_text is not None:
            found.append({each for each in of_text if each})
    if choice.cause is not None:
        of_cause = await SQL.messages_of_cause(tx.connection, cause=choice.cause, most=FEW)
        if of_cause is not None:
            found.append({each for each in of_cause if each})
    if choice.acknowledgement is Acknowledged.NONE:
        waiting = await SQL.messages_unacknowledged(
            tx.connection, event_types=choice.event_types, most=FEW
        )
        if waiting is not None:
            found.append({each for each in waiting if each})
    return replace(choice, among=list(set.intersection(*found))) if found else choice


async def page(
    tx: Transaction, choice: MessageListFilter, sort: ListSort, *, position: int | None, size: int
) -> list[StoredMessage]:
    """Return up to ``size`` matching messages beyond a position, in that order."""
    if position is None:
        position = _LAST if sort is ListSort.NEWEST else 0
    rows = SQL.messages_page(
        tx.connection, sort=sort, position=position, size=size, **_values(choice)
    )
    return [stored_message(row) async for row in rows]


async def total(tx: Transaction, choice: MessageListFilter) -> Total:
    """Return the number of messages in the list."""
    return await listing.total(tx, SQL.messages_total, _values(choice))


@dataclass(frozen=True, slots=True)
class MessageGroup:
    """Messages that share one value, and the newest of them; the value None: they have none."""

    value: str | None
    number: int
    oldest: datetime
    newest: datetime
    message_id: UUID


async def groups(
    tx: Transaction, choice: MessageListFilter, by: GroupedBy, *, size: int
) -> list[MessageGroup]:
    """Return up to ``size`` groups of at most :data:`~listing.EXACT` matching messages."""
    rows = SQL.message_groups(
        tx.connection, by=by, most=listing.EXACT, size=size, **_values(choice)
    )
    return [MessageGroup(**row) async for row in rows]


def _values(choice: MessageListFilter) -> dict[str, Any]:
    return listing.alone(asdict(choice))
