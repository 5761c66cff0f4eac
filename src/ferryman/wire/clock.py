"""The platform's clock (admin surface)."""

from ferryman.wire.base import Wire


class ClockView(Wire, frozen=True):
    """The clock: ``mode`` is ``real`` or ``virtual``, ``now`` is in epoch milliseconds.

    ``frozen``: the clock moves only when it is told to.
    """

    mode: str
    now: int
    offset_seconds: float
    frozen: bool = False


class ClockAdvance(Wire, frozen=True):
    """Body of ``POST /admin/v1/clock/advance``."""

    seconds: float
