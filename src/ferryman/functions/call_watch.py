"""Watch a call that takes longer than most: one timer, which a brief call cancels."""

import asyncio

from ferryman.functions.capture import OutputPipe
from ferryman.functions.channel import Channel
from ferryman.functions.processor_share import ProcessorShare

_BRIEF_SECONDS = 0.01
"""Most calls are over by then."""


class CallWatch:
    """Reads the output as it comes, lets the host yield the processor, and enforces the limit.

    The first two start after a moment, so that a brief call does not pay for them.
    """

    def __init__(self, channel: Channel, output: OutputPipe, share: ProcessorShare) -> None:
        self._channel, self._output, self._share = channel, output, share
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, limit: float | None, equal_seconds: float) -> None:
        """Start to watch, in place of what was watched before.

        After ``limit`` seconds, if any, the reader of the channel gets ``TimeoutError``; for
        ``equal_seconds`` the host competes for the processor as an equal.
        """
        self._stop()
        self._share.pause()
        self._timer = self._loop.call_later(_BRIEF_SECONDS, self._attend, limit, equal_seconds)

    def end(self) -> None:
        """Watch no more."""
        self._stop()
        self._share.release()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _attend(self, limit: float | None, equal_seconds: float) -> None:
        self._output.attend()
        self._share.compete(equal_seconds - _BRIEF_SECONDS)
        self._timer = None
        if limit is None:
            return
        left = max(0.0, limit - _BRIEF_SECONDS)
        self._timer = self._loop.call_later(left, self._channel.give_up, TimeoutError())
