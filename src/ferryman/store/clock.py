"""The offset of the virtual clock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from ferryman.store.database import SQL, Database, Transaction

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
    value: timedelta = await SQL.clock_offset(tx.connection)
    return value


async def advance(tx: Transaction, step: timedelta) -> None:
    """Move the clock, and every queued job with it, and wake the workers."""
    await SQL.move_clock(tx.connection, step=step)
    await SQL.pull_forward(tx.connection, step=step)
    await SQL.wake_timers(tx.connection)
    await SQL.tell_workers(tx.connection)
