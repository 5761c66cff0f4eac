"""How fast bytes may go: a token bucket, and the lock and the clock around it."""

import re
import threading
import time
from collections.abc import Callable

_UNITS = {"": 1, "K": 1_000, "M": 1_000_000, "G": 1_000_000_000}
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?(?:/s)?", re.IGNORECASE | re.ASCII)
# So much may go at once after a pause; all else is spread evenly.
_BURST_SECONDS = 0.25
_LARGEST_PIECE = 1 << 20
_SMALLEST_PIECE = 1 << 10
# A part that broke off under a limit took long, which is no sign that nothing will come of it.
_PATIENCE_BYTES = 32 << 20


class Bucket:
    """``rate`` bytes a second, saved up for a quarter of a second. A rule without a clock.

    A piece larger than what is saved goes at once and is paid for afterwards, so that the mean
    is kept for pieces of any size.
    """

    def __init__(self, rate: float) -> None:
        self.rate: float = rate
        self._saved = rate * _BURST_SECONDS
        self._at: float | None = None

    def take(self, size: int, now: float) -> float:
        """Take the right to ``size`` bytes at ``now``; returns the seconds to wait before."""
        if self._at is not None:
            earned = max(now - self._at, 0.0) * self.rate
            self._saved = min(self._saved + earned, self.rate * _BURST_SECONDS)
        self._at = now
        wait = max(-self._saved, 0.0) / self.rate
        self._saved -= size
        return wait


class Throttle:
    """A bucket that several threads take from; each waits for its own turn."""

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.piece: int = piece_of(rate)
        self.patience: float = _PATIENCE_BYTES / rate
        """Seconds for which a call may fail longer than without a limit."""
        self._bucket = Bucket(rate)
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()

    def spend(self, size: int) -> None:
        """Wait until ``size`` bytes may go."""
        with self._lock:
            wait = self._bucket.take(size, self._clock())
        if wait:
            self._sleep(wait)


def piece_of(rate: float) -> int:
    """Return the bytes to move at a time: an eighth of a second's, so that no wait is long."""
    return int(min(max(rate / 8, _SMALLEST_PIECE), _LARGEST_PIECE))


def parse_rate(text: str) -> float:
    """Read ``10M`` as 10,000,000 bytes a second; raises ``ValueError``."""
    found = _RATE.fullmatch(text.strip())
    rate = float(found[1]) * _UNITS[found[2].upper()] if found else 0.0
    if rate < 1:
        raise ValueError(
            f"expected bytes a second such as 500K, 10M or 1.5G (K is 1,000); found {text!r}"
        )
    return rate
