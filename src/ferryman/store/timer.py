"""Timers: a due time, in platform time, in the row of the transfer that waits (ADR 0049).

A timer is set in the transaction that causes it. Moving the virtual clock moves no timer.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ferryman.store.database import SQL, Transaction
from ferryman.store.transfer import StoredTransfer, stored_transfer


@dataclass(frozen=True, slots=True)
class Timer:
    """The time of a transfer's next decision."""

    transfer_id: UUID
    due: datetime


async def first(tx: Transaction, size: int, *, skipped: Collection[UUID] = ()) -> list[Timer]:
    """Return up to ``size`` timers, earliest first."""
    rows = SQL.next_timers(tx.connection, skipped=list(skipped), size=size)
    return [Timer(row["transfer_id"], row["wake_at"]) async for row in rows]


async def lock_fired(tx: Transaction, transfer_id: UUID) -> StoredTransfer | None:
    """Lock a transfer whose timer is due; None if it is not due, or another session has it."""
    row = await SQL.lock_fired_transfer(tx.connection, transfer_id=transfer_id, now=tx.now)
    return stored_transfer(row)


async def set_timer(tx: Transaction, transfer_id: UUID, due: datetime | None) -> None:
    """Replace the transfer's only timer; None removes it."""
    await SQL.set_timer(tx.connection, transfer_id=transfer_id, wake_at=due)


async def seconds_to_next(tx: Transaction) -> float | None:
    """Return the seconds of platform time until the next timer of a transfer, or None.

    Sweeps are left out: advancing the clock by two years would stop for each of 1,460 sweeps.
    """
    timers = await first(tx, 1)
    return (timers[0].due - tx.now).total_seconds() if timers else None


async def work_due(tx: Transaction) -> bool:
    """Return whether a timer or a sweep is due or running."""
    return bool(await SQL.any_timer_due(tx.connection, now=tx.now))
