"""Say a forecast in sentences, always with how sure it is."""

from ferryman.forecast_vocab import ForecastRisk
from ferryman.text import two_units
from ferryman.vocab import TransferStatus
from ferryman.wire.forecast import ForecastSpan, ForecastView
from ferryman.wire.transfer import TransferSummary, TransferView

_ENDS = {
    ForecastRisk.DATA_LIFE: "files may become unreadable before they are acknowledged",
    ForecastRisk.TRANSFER_LIFE: "the transfer may reach the end of its life first",
}

_LATEST = 253_402_300_799_000
"""The end of the year 9999 in epoch milliseconds; no calendar goes on after it."""


def is_forecast(view: TransferView | TransferSummary) -> bool:
    """Return whether a transfer goes on to its end, so that a forecast of it says something."""
    over = view.status.final or view.status is TransferStatus.CANCELLATION_REQUESTED
    return not over and view.paused_at is None


def span_text(span: ForecastSpan) -> str:
    """Say how long something takes, and between which two times in eight of ten cases."""
    likely, least, most = (two_units(1000 * each) for each in (span.likely, span.least, span.most))
    return likely if least == most else f"{likely} ({least} to {most})"


def risk_text(found: ForecastView, risk: ForecastRisk) -> str:
    """Say which limit a transfer may run into, and why."""
    if risk is not ForecastRisk.DEADLINE:
        return f"{_ENDS[risk]}: it takes {span_text(found.total)}"
    silence, window = found.silence_span, found.window_seconds
    sure = "will" if silence.least >= window else "may"
    return (
        f"the deadline {sure} pass: nothing moves it while the largest file is on its way, for "
        f"{span_text(silence)}, and {two_units(1000 * window)} are allowed"
    )


def ends_between(found: ForecastView) -> tuple[int, int] | None:
    """Return between which two times (epoch milliseconds) it ends in eight of ten cases."""
    if found.ends_at is None:
        return None
    total = found.total
    first = found.ends_at - round(1000 * (total.likely - total.least))
    return first, min(_LATEST, found.ends_at + round(1000 * (total.most - total.likely)))
