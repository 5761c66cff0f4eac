"""Let a function that runs for long yield the processor to others."""

import asyncio
from typing import Protocol

EQUAL_SECONDS = 1.0
"""How long a function competes with others for the processor as their equal."""

EQUAL_START_SECONDS = 5.0
"""The same for its start, until it is called."""


class _SetSlow(Protocol):
    def __call__(self, *, slow: bool) -> None: ...


class ProcessorShare:
    """Calls ``set_slow`` when a host has competed as an equal for its time, and when it may again.

    Use it within one event loop.
    """

    def __init__(self, set_slow: _SetSlow) -> None:
        self._set_slow = set_slow
        self._timer: asyncio.TimerHandle | None = None
        self._slow = False
        self._held = False

    def hold_back(self) -> None:
        """Make it yield from now on, until it is released for good."""
        self._held = True
        if not self._slow:
            self._yield()

    def compete(self, seconds: float) -> None:
        """Let the host compete as an equal for ``seconds``, unless it is held back."""
        self.pause()
        if self._held:
            return
        self._timer = asyncio.get_running_loop().call_later(seconds, self._yield)

    def release(self) -> None:
        """Make the host an equal without a limit, so that it can end soon too."""
        self._held = False
        self.pause()

    def pause(self) -> None:
        """Let the host compete as an equal until further notice, unless it is held back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._slow and not self._held:
            self._slow = False
            self._set_slow(slow=False)

    def _yield(self) -> None:
        self._slow = True
        self._set_slow(slow=True)
