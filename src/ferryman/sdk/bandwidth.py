"""Bandwidth limits: a token bucket, and ``Throttle``, which several threads share."""

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


class ByteBucket:
    """A token bucket of ``rate`` bytes a second and a quarter of a second's burst, without a clock.

    A piece larger than the tokens goes at once and is paid for afterwards, so that the mean rate
    holds for pieces of any size.
    """

    def __init__(self, rate: float) -> None:
        self.rate: float = rate
        self._saved = rate * _BURST_SECONDS
        self._at: float | None = None

    def take(self, size: int, now: float) -> float:
        """Take ``size`` bytes at ``now``; returns the seconds to wait before sending them."""
        if self._at is not None:
            earned = max(now - self._at, 0.0) * self.rate
            self._saved = min(self._saved + earned, self.rate * _BURST_SECONDS)
        self._at = now
        wait = max(-self._saved, 0.0) / self.rate
        self._saved -= size
        return wait


class Throttle:
    """Limits bandwidth to ``rate`` bytes a second, for all gateways and threads that share it.

    Example::

        throttle = Throttle(10_000_000)
        gateway = Gateway(url, token, transfer_id, throttle=throttle)
    """

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.piece: int = piece_of(rate)
        self.retry_seconds: float = _PATIENCE_BYTES / rate
        """Extra seconds for which a call may keep failing, since parts take longer."""
        self._bucket = ByteBucket(rate)
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
    match = _RATE.fullmatch(text.strip())
    rate = float(match[1]) * _UNITS[match[2].upper()] if match else 0.0
    if rate < 1:
        raise ValueError(
            f"expected bytes a second such as 500K, 10M or 1.5G (K is 1,000); found {text!r}"
        )
    return rate
