"""Dead letters: list, count and re-queue messages that were given up."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from ferryman.store.database import SQL, Transaction
from ferryman.store.message import StoredMessage, stored_message
from ferryman.vocab import AppKind


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Criteria for messages, combined with AND; ``since`` is inclusive, ``until`` exclusive."""

    app_id: UUID | None = None
    transfer_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    customers: Sequence[str] | None = None
    apps: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class TransferLife:
    """A transfer's kind, and whether it has settled, read while it cannot settle."""

    settled: bool
    kind: AppKind


async def page(
    tx: Transaction, choice: MessageFilter, *, after: int, size: int
) -> list[StoredMessage]:
    """Return up to ``size`` undelivered messages after position ``after``, oldest first."""
    rows = SQL.undelivered_page(tx.connection, after=after, size=size, **asdict(choice))
    return [stored_message(row) async for row in rows]


async def hold(tx: Transaction, transfer_ids: Collection[UUID]) -> dict[UUID, TransferLife]:
    """Keep these transfers from settling until the transaction ends; return which have settled."""
    rows = SQL.hold_transfers(tx.connection, transfer_ids=list(transfer_ids))
    return {
        row["transfer_id"]: TransferLife(row["settled"], AppKind(row["kind"])) async for row in rows
    }


async def reset(tx: Transaction, more: Mapping[UUID, int | None]) -> None:
    """Re-queue locked messages with the given number of attempts each; notify the workers."""
    await SQL.reset_messages(
        tx.connection, message_ids=list(more), more=list(more.values()), now=tx.now
    )
    await SQL.notify_workers(tx.connection)
