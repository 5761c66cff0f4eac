"""Track one call in flight: the place it holds, and whether it is slow."""

import asyncio
from collections.abc import Callable
from typing import Any

from ferryman.delivery.bulkhead import SLOW_SECONDS, DeliveryCall
from ferryman.delivery.scheduler import FairScheduler

_START_SECONDS = 5.0
"""How long the host of a function may take to start before the call counts as slow."""


class InFlightCall:
    """Reports the stages of a call to the scheduler; ``changed`` is called when capacity is free.

    ``places`` bounds the functions that run at once. A slow call gives its place back and runs on.
    """

    def __init__(
        self,
        scheduler: FairScheduler[Any],
        call: DeliveryCall,
        changed: Callable[[], None],
        places: asyncio.Semaphore,
    ) -> None:
        self._scheduler, self._call, self._changed = scheduler, call, changed
        self._places, self._holds = places, False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def needs_place(self) -> bool:
        """Whether the call needs a place: it runs a function that is expected to be quick."""
        return self._call.quick

    async def wait_for_place(self) -> None:
        """Wait for a place if the call needs one, then start to watch it."""
        if self.needs_place:
            await self._places.acquire()
            self._holds = True
        self.watch()

    def watch(self) -> None:
        """Start the timer after which the call counts as slow."""
        # A host that starts has a few seconds more, then its function as long as any other.
        self._watch(_START_SECONDS if self._call.calls else SLOW_SECONDS)

    def begun(self) -> None:
        """Note that the function was called: its host has started."""
        self._watch(SLOW_SECONDS)
        self._scheduler.begun(self._call)
        self._changed()

    def ended(self, task: "asyncio.Task[bool | None]") -> None:
        """Note that the task ended; it returns whether the app hung, None if not sent."""
        if self._timer is not None:
            self._timer.cancel()
        self._leave()
        hung = None if task.cancelled() or task.exception() else task.result()
        self._scheduler.finished(self._call, hung=hung)
        self._changed()

    def _watch(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._slowed)

    def _slowed(self) -> None:
        self._leave()
        self._scheduler.slowed(self._call)
        self._changed()

    def _leave(self) -> None:
        if self._holds:
            self._holds = False
            self._places.release()
