"""When the server apps of a soak send: a little faster than it needs, and not at all in the end."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import asyncpg
import urllib3

from ferryman.sdk.errors import ClientError

T = TypeVar("T")

_PASSING = (
    *(ClientError, OSError, AssertionError, ValueError, urllib3.exceptions.HTTPError),
    *(asyncpg.PostgresError, asyncpg.InterfaceError),
)
_SLICE = 0.2
_REPEAT_SECONDS = 600.0


class Pace:
    """Counts what was accepted; ``wait`` holds a sender back while the rate is above the limit.

    What an outage has cost is caught up: the rate is that of the whole session.
    """

    def __init__(self, per_minute: float) -> None:
        self.over = threading.Event()
        self._rate = per_minute / 60
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self.accepted = 0

    def add(self, count: int) -> None:
        with self._lock:
            self.accepted += count

    def wait(self) -> None:
        """Return once more may be sent."""
        while not self.over.is_set():
            if self.accepted <= (time.monotonic() - self._began) * self._rate:
                return
            time.sleep(_SLICE)


def repeated(call: Callable[[], T], pause: float = 0.5) -> T:
    """Make a call until it succeeds, as an operator would; raise its last failure after minutes."""
    until = time.monotonic() + _REPEAT_SECONDS
    while True:
        try:
            return call()
        except _PASSING:
            if time.monotonic() > until:
                raise
            time.sleep(pause)
