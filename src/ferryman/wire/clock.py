"""The platform's clock (admin surface)."""

from ferryman.wire.base import Wire


class ClockView(Wire, frozen=True):
    """``mode`` is ``real`` or ``virtual``; ``now`` in epoch milliseconds.

    ``frozen``: time stands still until it is moved.
    """

    mode: str
    now: int
    offset_seconds: float
    frozen: bool = False


class ClockAdvance(Wire, frozen=True):
    """``POST /admin/v1/clock/advance``."""

    seconds: float
