"""Workers: their signs of life, what those say that fail, what the dead held."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from ferryman.domain.snapshot import Failing, Workers
from ferryman.figures import Series
from ferryman.store.database import SQL, Transaction
from ferryman.store.message import StoredMessage, stored_message


async def see(tx: Transaction, worker_id: UUID, figures: Sequence[Series]) -> None:
    """The worker is alive, and what it claimed stays its own; ``figures`` are what it counted."""
    counted = msgspec.json.encode(figures).decode()
    await SQL.see_worker(tx.connection, worker_id=worker_id, figures=counted)


async def forget(tx: Transaction, worker_id: UUID) -> None:
    """The worker ended in order."""
    await SQL.forget_worker(tx.connection, worker_id=worker_id)


async def tell(tx: Transaction, worker_id: UUID, error: str | None) -> None:
    """The worker lives and fails at this, or at nothing; it keeps since when."""
    await SQL.tell_of_worker(tx.connection, worker_id=worker_id, error=error, now=tx.now)


async def alive(tx: Transaction, silence: timedelta) -> Workers:
    """Those that gave a sign of life within that time, real time."""
    rows = [row async for row in SQL.workers_alive(tx.connection, silence=silence)]
    failing = (
        _failing(row["worker_id"], row["failing_since"], row["error"])
        for row in rows
        if row["error"] is not None
    )
    return Workers(len(rows), tuple(failing), silence)


async def orphans(tx: Transaction, silence: timedelta, size: int) -> list[StoredMessage]:
    """Forget workers that were silent so long; messages of workers that are gone, locked."""
    await SQL.forget_silent_workers(tx.connection, silence=silence)
    return [stored_message(row) async for row in SQL.orphaned_messages(tx.connection, size=size)]


async def unheld(tx: Transaction, worker_id: UUID, held: Collection[UUID]) -> list[StoredMessage]:
    """Messages that are this worker's and are not among those, locked."""
    rows = SQL.unheld_messages(tx.connection, worker_id=worker_id, held=list(held))
    return [stored_message(row) async for row in rows]


async def give_back(tx: Transaction, worker_id: UUID, message_id: UUID, number: int) -> None:
    """Attempt ``number``, if it is this worker's still, has not begun."""
    await SQL.give_back_message(
        tx.connection, worker_id=worker_id, message_id=message_id, number=number
    )


def _failing(worker_id: UUID, since: datetime, error: str) -> Failing:
    return Failing(str(worker_id), since, error)
