"""How long a transfer will take."""

from ferryman.forecast_vocab import ForecastRisk
from ferryman.wire.base import Wire


class ForecastSpan(Wire, frozen=True):
    """Seconds since the start: the forecast, and between which two it is in eight of ten cases."""

    likely: float
    least: float
    most: float


class ForecastView(Wire, frozen=True):
    """Response of ``GET /admin/v1/transfers/{transferId}/forecast``.

    ``sample`` is the transfer whose first ``sampledFiles`` files it rests on. ``export`` is the
    time until the last file has arrived, ``total`` that until it is acknowledged, ``silence`` the
    longest time in seconds in which nothing moves the deadline, and ``silenceSpan`` the same as a
    span; ``windowSeconds`` is how long that may be. ``endsAt`` (epoch milliseconds) is null before
    the transfer starts, while it is paused, and beyond the year 9999.
    """

    transfer_id: str
    sample: str
    sampled_files: int
    files: int
    bytes: int
    largest_bytes: int
    export: ForecastSpan
    total: ForecastSpan
    silence: float
    ends_at: int | None
    risks: list[ForecastRisk]
    silence_span: ForecastSpan
    window_seconds: float
