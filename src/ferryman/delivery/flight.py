"""Watch one message in flight: a slow call gives its place to another."""

import asyncio
from collections.abc import Callable

from ferryman.delivery.bulkhead import SLOW_SECONDS, DeliveryCall
from ferryman.delivery.scheduler import FairScheduler

_START_SECONDS = 5.0
"""How long the host of a function may take to start before it counts as slow."""


class Flight:
    """Reports the stages of a call to the scheduler, and to whoever waits for free capacity."""

    def __init__(
        self, scheduler: FairScheduler, call: DeliveryCall, changed: Callable[[], None]
    ) -> None:
        self._scheduler, self._call, self._changed = scheduler, call, changed
        # A host that starts has a few seconds more, then its function as long as any other.
        self._timer = self._watch(_START_SECONDS if call.calls else SLOW_SECONDS)

    def begun(self) -> None:
        """Note that the function was called: its host has started."""
        self._timer.cancel()
        self._timer = self._watch(SLOW_SECONDS)
        self._scheduler.begun(self._call)
        self._changed()

    def ended(self, task: "asyncio.Task[bool | None]") -> None:
        """Note that the task ended; its result is whether no answer came, None if not sent."""
        self._timer.cancel()
        hung = None if task.cancelled() or task.exception() else task.result()
        self._scheduler.finished(self._call, hung=hung)
        self._changed()

    def _watch(self, seconds: float) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, self._slowed)

    def _slowed(self) -> None:
        self._scheduler.slowed(self._call)
        self._changed()
