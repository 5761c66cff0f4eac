"""``/healthz`` and ``/readyz``, for load balancers and supervisors."""

from litestar import Response, get
from litestar.di import NamedDependency

from ferryman.api.parameters import Closing
from ferryman.services.health import HealthCheck
from ferryman.wire.health import Check, Readiness


@get("/healthz")
async def healthz() -> dict[str, str]:
    """Report that the process answers."""
    return {"status": "alive"}


@get("/readyz")
async def readyz(health: NamedDependency[HealthCheck], closing: Closing) -> Response[Readiness]:
    """Report on what the platform needs, and how functions run; 503 if it is not ready."""
    readiness = await health.read()
    if closing.is_set():
        ending = Check(ok=False, found="it was told to end, and finishes what it had begun")
        checks = {"process": ending, **readiness.checks}
        readiness = Readiness(status="unready", checks=checks, functions=readiness.functions)
    return Response(readiness, status_code=503 if readiness.status == "unready" else 200)
