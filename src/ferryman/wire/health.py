"""The health of the platform."""

from ferryman.wire.base import Wire


class Check(Wire, frozen=True):
    """The result of one check; ``found`` describes it in words."""

    ok: bool
    found: str


class Readiness(Wire, frozen=True):
    """Response of ``GET /readyz``.

    ``status`` is ``ready``, ``degraded`` (something fails that this process can do without) or,
    with HTTP 503, ``unready`` (it can do nothing). ``functions`` is how functions run in this
    process: ``sandboxed``, ``trusted`` or ``none``, or empty until that is known; whether they run
    is a check.
    """

    status: str
    checks: dict[str, Check]
    functions: str = ""
