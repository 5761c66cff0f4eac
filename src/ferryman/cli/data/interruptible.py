"""Read a pipe so that a signal ends the wait for its next bytes, whenever it comes."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import BinaryIO, NoReturn

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class InterruptibleReader:
    """Reads a descriptor after waiting for it and for signals together.

    Python runs a signal's handler between two instructions. A signal that comes just before
    read(2) blocks would be handled only after the next bytes; here it makes ``wakeup`` readable,
    which ends the wait.
    """

    def __init__(self, source: BinaryIO, wakeup: int) -> None:
        self._source = source.fileno()
        self._wakeup = wakeup

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, at least one unless the pipe has ended."""
        while True:
            ready, _, _ = select.select([self._source, self._wakeup], [], [])
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)  # the handler has run; it did not raise
            if self._source in ready:
                return os.read(self._source, size)


@contextmanager
def interruptible(source: BinaryIO) -> Iterator[InterruptibleReader]:
    """Make signals act like Ctrl-C while ``source`` is read; for the main thread."""
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    wakeup, its = os.pipe()
    os.set_blocking(its, False)
    earlier = signal.set_wakeup_fd(its, warn_on_full_buffer=False)
    try:
        yield InterruptibleReader(source, wakeup)
    finally:
        signal.set_wakeup_fd(earlier)
        os.close(wakeup)
        os.close(its)


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # a second one must not cut the cleanup short
    raise KeyboardInterrupt(number)
