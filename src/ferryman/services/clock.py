"""Move the virtual clock from one due instant to the next, as time itself would."""

import asyncio
from datetime import timedelta
from time import monotonic

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.services import audit
from ferryman.services.platform import Platform
from ferryman.store import clock as clock_store
from ferryman.store import delivery as delivery_store
from ferryman.store import queue_delivery as queue_delivery_store
from ferryman.store import timer as timer_store
from ferryman.store.clock import DueWork
from ferryman.store.database import Transaction
from ferryman.wire.clock import ClockView

_GRAIN = 0.01
"""Seconds added to each step, so that a timer due exactly at its end fires."""

_POLL_SECONDS = 0.01
_PATIENCE_SECONDS = 120.0
_LONGEST = timedelta(days=3660)
_FARTHEST = timedelta(days=36600)


async def view(platform: Platform) -> ClockView:
    """Return the platform's time."""
    async with platform.database.transaction() as tx:
        offset = await clock_store.offset(tx)
        return ClockView(
            mode="virtual" if platform.database.virtual else "real",
            now=epoch_ms(tx.now),
            offset_seconds=offset.total_seconds(),
            frozen=tx.frozen,
        )


async def freeze(platform: Platform, by: Actor = PLATFORM) -> ClockView:
    """Freeze time until it is moved or resumed; repeatable."""
    check_virtual(platform)
    async with clock_store.moving(platform.database), platform.database.transaction() as tx:
        await clock_store.freeze(tx, tx.now)
        await _record(tx, by, "freeze_clock", frozen=True)
    return await view(platform)


async def resume(platform: Platform, by: Actor = PLATFORM) -> ClockView:
    """Let time run on from its current value; repeatable."""
    check_virtual(platform)
    async with clock_store.moving(platform.database), platform.database.transaction() as tx:
        await clock_store.resume(tx)
        await _record(tx, by, "resume_clock", frozen=False)
    return await view(platform)


async def advance(
    platform: Platform,
    seconds: float,
    by: Actor = PLATFORM,
    *,
    patience: float = _PATIENCE_SECONDS,
) -> ClockView:
    """Move platform time forward; return when all work that fell due is done.

    Raises ``work_not_done`` if what fell due at one instant takes longer than ``patience`` seconds.

    Each step ends at the next due instant and waits for it, so that the effects of a timer happen
    at its own time and can set further timers within the same call.
    """
    check_virtual(platform)
    if not 0 <= seconds <= _LONGEST.total_seconds():
        raise refusals.migration.SECONDS_INVALID(longest=_LONGEST.total_seconds(), seconds=seconds)
    # Concurrent callers would step over what each other's steps make due.
    async with clock_store.moving(platform.database):
        await _begin(platform, seconds, by)
        await _until_done(platform, patience)
        remaining = seconds
        while remaining > 0:
            due = await _seconds_to_next(platform)
            step = remaining if due is None else min(remaining, max(due, 0.0) + _GRAIN)
            async with platform.database.transaction() as tx:
                await clock_store.advance(tx, timedelta(seconds=step))
            remaining -= step
            await _until_done(platform, patience)
    return await view(platform)


def check_virtual(platform: Platform, do: str = "move time") -> None:
    """Raise :class:`Conflict` on the real clock."""
    if not platform.database.virtual:
        raise refusals.migration.CLOCK_IS_REAL(do=do)


async def _begin(platform: Platform, seconds: float, by: Actor) -> None:
    """Check how far the clock goes, and write the audit row before the first of many steps."""
    async with platform.database.transaction() as tx:
        reached = await clock_store.offset(tx) + timedelta(seconds=seconds)
        if reached > _FARTHEST:
            raise refusals.migration.CLOCK_TOO_FAR(limit=_FARTHEST.days, days=reached.days)
        await _record(tx, by, "advance_clock", frozen=tx.frozen, seconds=seconds)


async def _record(tx: Transaction, by: Actor, operation: str, **after: object) -> None:
    await audit.record(tx, by, operation, before={"frozen": tx.frozen}, after=after)


async def _until_done(platform: Platform, seconds: float) -> None:
    limit = monotonic() + seconds
    while await _work_due(platform):
        if monotonic() > limit:
            raise refusals.migration.WORK_NOT_DONE(
                seconds=seconds, pending=await _pending(platform)
            )
        await asyncio.sleep(_POLL_SECONDS)


async def _pending(platform: Platform) -> str:
    """Say which work is due or running: how much of each kind, and the id of one."""
    async with platform.database.transaction() as tx:
        work = await clock_store.due_work(tx)
    return "; ".join(map(_described, work)) or "work that has just ended"


def _described(work: DueWork) -> str:
    example = "" if work.example is None else f", such as {work.example}"
    return f"{work.kind}: {work.count}{example}"


async def _seconds_to_next(platform: Platform) -> float | None:
    async with platform.database.transaction() as tx:
        due = [
            await timer_store.seconds_to_next(tx),
            await delivery_store.seconds_to_next(tx),
            await queue_delivery_store.seconds_to_next(tx),
        ]
    return min((seconds for seconds in due if seconds is not None), default=None)


async def _work_due(platform: Platform) -> bool:
    # As of one moment: work that ends between two polls may have made other work due behind them.
    async with platform.database.snapshot() as tx:
        return (
            await timer_store.work_due(tx)
            or await delivery_store.work_due(tx)
            or await queue_delivery_store.work_due(tx)
        )
