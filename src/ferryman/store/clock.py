"""The offset of the virtual clock."""

from datetime import timedelta

from ferryman.store.database import SQL, Transaction


async def offset(tx: Transaction) -> timedelta:
    """How far platform time is ahead of real time."""
    value: timedelta = await SQL.clock_offset(tx.connection)
    return value


async def advance(tx: Transaction, step: timedelta) -> None:
    """Move the clock, and every queued job with it, and wake the workers."""
    await SQL.move_clock(tx.connection, step=step)
    await SQL.pull_forward(tx.connection, step=step)
    await SQL.wake_workers(tx.connection)
