"""Refusals as RFC 9457 problem details."""

from ferryman.wire.base import Wire


class Problem(Wire, frozen=True):
    """A refusal; ``code`` is stable, ``expected``, ``found`` and ``fix`` are text for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    expected: str
    found: str
    fix: str
