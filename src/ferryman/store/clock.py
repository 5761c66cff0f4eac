"""The virtual clock: its offset, and whether it stands still."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from ferryman.clock import SEEDED_START, wall_now
from ferryman.store.database import SQL, Database, Transaction
from ferryman.store.queue import FAR

_LOCK = 7_302_114_901
"""Advisory lock of whoever moves the clock."""


_LOOK_SECONDS = 0.02


@asynccontextmanager
async def moving(database: Database) -> AsyncIterator[None]:
    """Be the only one that moves the clock, over many transactions.

    Whoever waits for its turn holds no connection: the one that moves the clock needs two.
    """
    while True:
        async with database.connection() as connection:
            if await SQL.try_lock_clock(connection, key=_LOCK):
                try:
                    yield
                finally:
                    await SQL.unlock_clock(connection, key=_LOCK)
                return
        await asyncio.sleep(_LOOK_SECONDS)


async def offset(tx: Transaction) -> timedelta:
    """How far platform time is ahead of real time."""
    if tx.frozen:
        return tx.now - wall_now()
    value: timedelta = (await SQL.read_clock(tx.connection))["time_offset"]
    return value


async def advance(tx: Transaction, step: timedelta) -> None:
    """Move the clock, and every queued job with it, and wake the workers."""
    await SQL.move_clock(tx.connection, step=step)
    await SQL.pull_forward(tx.connection, step=step, far=FAR)
    await SQL.release_parked(tx.connection, now=tx.now + step, far=FAR)
    await SQL.wake_timers(tx.connection)
    await SQL.tell_workers(tx.connection)


async def freeze(tx: Transaction, at: datetime) -> None:
    """Have time stand still at ``at``, unless it does already."""
    if not tx.frozen:
        await SQL.freeze_clock(tx.connection, at=at)
        await SQL.park_jobs(tx.connection, at=at, far=FAR)


async def resume(tx: Transaction) -> None:
    """Have time go on from where it stands, if it does not go."""
    row = await SQL.read_clock(tx.connection)
    if (at := row["frozen_at"]) is not None:
        await SQL.resume_clock(tx.connection, offset=at - wall_now())
        await SQL.unpark_jobs(tx.connection, at=at, far=FAR)
        await SQL.wake_timers(tx.connection)
        await SQL.tell_workers(tx.connection)


async def count_start(tx: Transaction) -> int:
    """The number of this start of a seeded platform's process.

    At the first one time begins where it does in every run, and stands still.
    """
    row = await SQL.count_start(tx.connection)
    if row["starts"] == 1:
        await freeze(tx, tx.now if row["used"] else SEEDED_START)
    return int(row["starts"])
