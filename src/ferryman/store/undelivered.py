"""Messages that were given up: listed, counted, and owed again."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from ferryman.store.database import SQL, Transaction
from ferryman.store.message import StoredMessage, stored_message
from ferryman.vocab import AppKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which of them: all that fit; created from ``since`` up to and without ``until``."""

    app_id: UUID | None = None
    transfer_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What is said of a transfer while nobody can settle it."""

    settled: bool
    kind: AppKind


async def page(tx: Transaction, choice: Choice, *, after: int, size: int) -> list[StoredMessage]:
    """Those after position ``after``, oldest first."""
    rows = SQL.undelivered_page(tx.connection, after=after, size=size, **asdict(choice))
    return [stored_message(row) async for row in rows]


async def total(tx: Transaction, choice: Choice) -> int:
    """How many there are."""
    return int(await SQL.undelivered_total(tx.connection, **asdict(choice)))


async def hold(tx: Transaction, transfer_ids: Collection[UUID]) -> dict[UUID, Held]:
    """Keep these transfers from settling until the transaction ends."""
    rows = SQL.hold_transfers(tx.connection, transfer_ids=list(transfer_ids))
    return {row["transfer_id"]: Held(row["settled"], AppKind(row["kind"])) async for row in rows}


async def reset(tx: Transaction, more: Mapping[UUID, int | None]) -> None:
    """Owe messages again that are locked, each with so many attempts; the workers are told."""
    await SQL.reset_messages(
        tx.connection, message_ids=list(more), more=list(more.values()), now=tx.now
    )
    await SQL.tell_workers(tx.connection)
