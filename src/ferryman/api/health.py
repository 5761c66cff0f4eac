"""``/healthz`` and ``/readyz``, for whoever sends requests to this process or starts it again."""

from litestar import Response, get
from litestar.di import NamedDependency

from ferryman.api.parameters import Closing
from ferryman.services.health import HealthCheck
from ferryman.wire.health import Check, Readiness


@get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@get("/readyz")
async def readyz(health: NamedDependency[HealthCheck], closing: Closing) -> Response[Readiness]:
    """What the process needs: database, migrations, object store, workers; 503 if unusable."""
    found = await health.read()
    if closing.is_set():
        ending = Check(ok=False, found="it was told to end, and finishes what it had begun")
        found = Readiness(status="unready", checks={"process": ending, **found.checks})
    return Response(found, status_code=503 if found.status == "unready" else 200)
