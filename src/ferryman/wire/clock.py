"""The platform's clock (admin surface)."""

from ferryman.wire.base import Wire


class ClockView(Wire):
    """``mode`` is ``real`` or ``virtual``; ``now`` in epoch milliseconds."""

    mode: str
    now: int
    offset_seconds: float


class ClockAdvance(Wire):
    """``POST /admin/v1/clock/advance``."""

    seconds: float
