"""Whether the platform can be used."""

from ferryman.wire.base import Wire


class Check(Wire, frozen=True):
    """One thing that was looked at; ``found`` says what there is, in words."""

    ok: bool
    found: str


class Readiness(Wire, frozen=True):
    """``GET /readyz``.

    ``status`` is ``ready``; ``degraded`` where something fails that this process can do without;
    ``unready``, with 503, where it can do nothing.
    """

    status: str
    checks: dict[str, Check]
