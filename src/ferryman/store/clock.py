"""The virtual clock: its offset, and whether it is frozen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from ferryman.clock import SEEDED_START, wall_now
from ferryman.store.database import SQL, Database, Transaction
from ferryman.store.delivery import due_lanes

_LOCK = 7_302_114_901
"""Advisory lock for moving the clock."""


_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class DueWork:
    """The number of due or running items of one kind, and the id of one of them."""

    kind: str
    count: int
    example: str | None


@asynccontextmanager
async def moving(database: Database) -> AsyncIterator[None]:
    """Hold the right to move the clock, over several transactions.

    Waiting for it uses no connection, because moving the clock needs two.
    """
    while True:
        async with database.connection() as connection:
            if await SQL.try_lock(connection, key=_LOCK):
                try:
                    yield
                finally:
                    await SQL.unlock(connection, key=_LOCK)
                return
        await asyncio.sleep(_POLL_SECONDS)


async def offset(tx: Transaction) -> timedelta:
    """Return how far platform time is ahead of real time."""
    if tx.frozen:
        return tx.now - wall_now()
    value: timedelta = (await SQL.read_clock(tx.connection))["time_offset"]
    return value


async def advance(tx: Transaction, step: timedelta) -> None:
    """Move the clock and notify the workers."""
    await SQL.move_clock(tx.connection, step=step)
    await SQL.notify_workers(tx.connection)


async def freeze(tx: Transaction, at: datetime) -> None:
    """Freeze the clock at ``at``, unless it is frozen already."""
    if not tx.frozen:
        await SQL.freeze_clock(tx.connection, at=at)


async def resume(tx: Transaction) -> None:
    """Let a frozen clock continue from where it was frozen, and notify the workers."""
    row = await SQL.read_clock(tx.connection)
    if (at := row["frozen_at"]) is not None:
        await SQL.resume_clock(tx.connection, offset=at - wall_now())
        await SQL.notify_workers(tx.connection)


async def hold(tx: Transaction, since: datetime) -> None:
    """Note that deadlines stand still since then, unless they did before."""
    await SQL.hold_clock(tx.connection, since=since)


async def end_hold(tx: Transaction) -> timedelta:
    """Give running transfers the time back for which their deadlines stood still; return it."""
    since: datetime | None = await SQL.end_hold(tx.connection)
    passed = timedelta(0) if since is None else max(timedelta(0), tx.now - since)
    if passed:
        await SQL.give_back_time(tx.connection, passed=passed)
    return passed


async def count_start(tx: Transaction) -> int:
    """Count a start of a seeded platform's process; return its number.

    At the first start, the clock is set to the same time in every run, and frozen.
    """
    row = await SQL.count_start(tx.connection)
    if row["starts"] == 1:
        await freeze(tx, tx.now if row["used"] else SEEDED_START)
    return int(row["starts"])


async def due_work(tx: Transaction) -> list[DueWork]:
    """Return what is due or running: messages, timers of transfers, the sweep."""
    lanes = await due_lanes(tx)
    due = [lane for lane, due in lanes.items() if due.at <= tx.now]
    rows = SQL.due_work(
        tx.connection,
        app_ids=[lane.app_id for lane in due],
        event_types=[lane.event_type.value for lane in due],
        now=tx.now,
    )
    return [
        DueWork(row["kind"], row["count"], row["example"]) async for row in rows if row["count"]
    ]
