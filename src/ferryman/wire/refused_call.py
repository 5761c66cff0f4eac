"""Calls that were refused to an app (admin surface). Times are epoch milliseconds."""

from ferryman.wire.base import Wire


class RefusedCallView(Wire, frozen=True):
    """Calls of one kind that were refused with one code; ``times`` is a lower bound.

    ``found`` and ``fix`` are those of the last one. ``named``: the call named the transfer;
    otherwise it named none that exists, but came from the transfer's app while the transfer ran.
    """

    call: str
    code: str
    found: str
    fix: str
    times: int
    last_at: int
    named: bool


class RefusedCallPage(Wire, frozen=True):
    """A page of refused calls, latest first."""

    items: list[RefusedCallView]
    next_cursor: str | None = None
