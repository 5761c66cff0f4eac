"""The notice dispatcher: look for troubles, and send notices of them to sinks (ADR 97).

It runs beside the API, since a worker could not report that no worker runs. Any number of processes
may run it: they look one at a time, and each claims what it sends.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from ferryman.delivery.backoff import retry_delay
from ferryman.delivery.notifications import repeat
from ferryman.errors import OutsideError
from ferryman.ids import jitter
from ferryman.services import notice_telling, notice_watch
from ferryman.services.platform import Platform
from ferryman.store.notice_sink import Telling

log = structlog.get_logger("ferryman.notice")

Send = Callable[[Telling], Awaitable[str | None]]
"""Tries to send once; returns why it failed, or None."""

_POLL_SECONDS = 5.0
_DUE_SECONDS = 1.0
_AWAY_SECONDS = 2.0
_RETRY_SECONDS = 15.0


class NoticeDispatcher:
    """Looks for troubles and sends notices on behalf of one process, until ``stop`` is set."""

    def __init__(self, platform: Platform, send: Send, stop: asyncio.Event) -> None:
        self._platform = platform
        self._send = send
        self._stop = stop
        self._woken = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Look and send; what a cancellation interrupts is sent again by another process."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._repeat("look", self._look, asyncio.Event()))
                group.create_task(self._repeat("telling", self.step, self._woken))
        finally:
            for task in self._sending:
                task.cancel()

    async def step(self) -> float:
        """Start to send what is due, each in a task of its own, so no sink waits for another."""
        for telling in await notice_telling.claim(self._platform):
            task = asyncio.create_task(self._deliver(telling))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return _DUE_SECONDS

    async def settle(self) -> None:
        """Wait until all that was started has ended."""
        while self._sending:
            await asyncio.wait(set(self._sending))

    async def _look(self) -> float:
        if await notice_watch.look(self._platform):
            self._woken.set()
        return _POLL_SECONDS

    async def _deliver(self, telling: Telling) -> None:
        try:
            error = await self._send(telling)
        except Exception as exc:  # noqa: BLE001 - else it would be claimed again and again, before all others
            error = f"It could not be made: {type(exc).__name__}"

        def delay(attempt: int) -> timedelta:
            share = jitter(str(telling.telling_id), str(attempt))
            return retry_delay(attempt, random=lambda: share)

        try:
            await notice_telling.record(self._platform, telling, error, delay)
        except OutsideError as exc:
            # It is sent again once its claim has expired.
            log.warning("notice.unrecorded", code=exc.code)
            return
        self._woken.set()

    async def _repeat(
        self, name: str, step: Callable[[], Awaitable[float]], woken: asyncio.Event
    ) -> None:
        await repeat(
            log,
            name,
            step,
            stop=self._stop,
            woken=woken,
            away_seconds=_AWAY_SECONDS,
            retry_seconds=_RETRY_SECONDS,
        )
