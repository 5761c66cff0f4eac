"""Moving the virtual clock: time goes from one due instant to the next, as it would by itself."""

import asyncio
from datetime import timedelta
from time import monotonic

from ferryman.clock import epoch_ms
from ferryman.errors import Conflict, Invalid, OutsideError
from ferryman.services.platform import Platform
from ferryman.store import clock, delivery, queue
from ferryman.wire.clock import ClockView

_GRAIN = 0.01
"""Seconds added to each step, so that a job due at its very end is due."""

_POLL_SECONDS = 0.01
_PATIENCE_SECONDS = 120.0
_LONGEST = timedelta(days=3660)
_FARTHEST = timedelta(days=36600)


async def view(platform: Platform) -> ClockView:
    """The platform's time."""
    async with platform.database.transaction() as tx:
        offset = await clock.offset(tx)
        return ClockView(
            mode="virtual" if platform.database.virtual else "real",
            now=epoch_ms(tx.now),
            offset_seconds=offset.total_seconds(),
            frozen=tx.frozen,
        )


async def freeze(platform: Platform) -> ClockView:
    """Have time stand still until it is moved or resumed; repeatable."""
    check_virtual(platform)
    async with clock.moving(platform.database), platform.database.transaction() as tx:
        await clock.freeze(tx, tx.now)
    return await view(platform)


async def resume(platform: Platform) -> ClockView:
    """Have time go on from where it stands; repeatable."""
    check_virtual(platform)
    async with clock.moving(platform.database), platform.database.transaction() as tx:
        await clock.resume(tx)
    return await view(platform)


async def advance(platform: Platform, seconds: float) -> ClockView:
    """Move platform time forward; returns when everything that fell due is done.

    Each step ends at the next due job and waits for it, so what a timer causes happens at its
    own time and may cause more within the same call.
    """
    check_virtual(platform)
    if not 0 <= seconds <= _LONGEST.total_seconds():
        raise Invalid(
            "seconds_invalid",
            expected=f"0 to {_LONGEST.total_seconds():.0f} seconds",
            found=str(seconds),
            fix="Time only goes forward.",
        )
    # Two callers at once would each step over what the other's steps make due.
    async with clock.moving(platform.database):
        await _check_reach(platform, seconds)
        await _until_done(platform)
        remaining = seconds
        while remaining > 0:
            due = await _seconds_to_next(platform)
            step = remaining if due is None else min(remaining, max(due, 0.0) + _GRAIN)
            async with platform.database.transaction() as tx:
                await clock.advance(tx, timedelta(seconds=step))
            remaining -= step
            await _until_done(platform)
    return await view(platform)


def check_virtual(platform: Platform, do: str = "move time") -> None:
    """Refuse on the real clock."""
    if not platform.database.virtual:
        raise Conflict(
            "clock_is_real",
            expected="a platform started with --clock virtual",
            found="the real clock",
            fix=f"Only development and test platforms can {do}.",
        )


async def _check_reach(platform: Platform, seconds: float) -> None:
    async with platform.database.transaction() as tx:
        reached = await clock.offset(tx) + timedelta(seconds=seconds)
    if reached > _FARTHEST:
        raise Conflict(
            "clock_too_far",
            expected=f"a clock at most {_FARTHEST.days} days ahead of real time",
            found=f"{reached.days} days",
            fix="Begin with a fresh data folder.",
        )


async def _until_done(platform: Platform) -> None:
    patience = monotonic() + _PATIENCE_SECONDS
    while await _work_due(platform):
        if monotonic() > patience:
            raise OutsideError(
                "work_not_done",
                expected=f"the workers to do what is due within {_PATIENCE_SECONDS:.0f} s",
                found="jobs that are still waiting or running",
                fix="See that `ferryman worker` runs; the clock stands where it came to.",
            )
        await asyncio.sleep(_POLL_SECONDS)


async def _seconds_to_next(platform: Platform) -> float | None:
    async with platform.database.transaction() as tx:
        due = [await queue.seconds_to_next(tx), await delivery.seconds_to_next(tx)]
    return min((seconds for seconds in due if seconds is not None), default=None)


async def _work_due(platform: Platform) -> bool:
    async with platform.database.transaction() as tx:
        return await queue.work_due(tx) or await delivery.work_due(tx)
