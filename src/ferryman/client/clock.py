"""Read and move the platform's clock; read durations as people write them."""

import re

from ferryman.client.http import BASE, LONG_SECONDS, AdminHttp
from ferryman.wire.clock import ClockAdvance, ClockView

_CLOCK = f"{BASE}/clock"
_MOMENT = 0.001

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_FIGURE = r"(?:\d{1,12}(?:\.\d{1,6})?)"
_PART = re.compile(rf"({_FIGURE})([smhdw])", re.ASCII)
_DURATION = re.compile(rf"{_FIGURE}|(?:{_FIGURE}[smhdw])+", re.ASCII)


class Clock:
    """The platform's clock; only a virtual one can be moved."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def get(self) -> ClockView:
        """Get the platform's time."""
        return self._http.get(_CLOCK, ClockView)

    def advance(self, seconds: float) -> ClockView:
        """Move the virtual clock forward; returns when everything that fell due is done."""
        body = ClockAdvance(seconds=seconds)
        return self._http.post(f"{_CLOCK}/advance", ClockView, body, timeout=LONG_SECONDS)

    def advance_to(self, at: int) -> ClockView:
        """Move the virtual clock just past ``at``, in epoch milliseconds; never backwards."""
        return self.advance(max(0.0, (at - self.get().now) / 1000) + _MOMENT)

    def finish_due(self) -> ClockView:
        """Wait until everything that is due by now is done. Virtual clock only."""
        return self.advance(0)

    def freeze(self) -> ClockView:
        """Freeze the virtual clock."""
        return self._http.post(f"{_CLOCK}/freeze", ClockView)

    def resume(self) -> ClockView:
        """Let the virtual clock run on."""
        return self._http.post(f"{_CLOCK}/resume", ClockView)


def parse_duration(text: str) -> float:
    """Read a duration such as ``90``, ``15m`` or ``1h30m`` as seconds.

    Raises ``ValueError`` for anything ambiguous.
    """
    spelling = text.strip().lower()
    if not _DURATION.fullmatch(spelling):
        raise ValueError(
            "expected seconds, or numbers with s, m, h, d or w such as 90, 15m, 2h, 14d, 1h30m; "
            f"found {text[:40]!r}."
        )
    parts = _PART.findall(spelling)
    if not parts:
        return float(spelling)
    units = [unit for _, unit in parts]
    if len(set(units)) != len(units):
        raise ValueError(f"expected each unit once; found {text[:40]!r}.")
    return sum(float(figure) * _SECONDS[unit] for figure, unit in parts)
