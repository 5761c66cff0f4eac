"""Report what a worker keeps failing at, so that explanations can show it."""

from uuid import UUID

import structlog

from ferryman.errors import OutsideError
from ferryman.services import worker as worker_service
from ferryman.services.platform import Platform

log = structlog.get_logger("ferryman.delivery")

_LONGEST = 300


class WorkerHealth:
    """The parts of one worker's job that are failing, each with its last error."""

    def __init__(self, platform: Platform, worker_id: UUID) -> None:
        self._platform = platform
        self._worker_id = worker_id
        self._failing: dict[str, str] = {}

    async def report_failure(self, part: str, error: Exception) -> None:
        """Report that a part of the job failed; this also counts as a sign of life."""
        # Only the first line: the rest of a server's error may quote data from its rows.
        first_line = (str(error).splitlines() or [""])[0][:_LONGEST]
        self._failing[part] = f"{part}: {type(error).__name__}: {first_line}"
        await self._report()

    async def report_ok(self, part: str) -> None:
        """Report that a part of the job succeeded."""
        if part in self._failing:
            del self._failing[part]
            await self._report()

    async def _report(self) -> None:
        error = "; ".join(self._failing.values()) or None
        try:
            await worker_service.report(self._platform, self._worker_id, error)
        except OutsideError as exc:
            log.warning("worker_health.not_reported", code=exc.code)
        except Exception:
            log.exception("worker_health.not_reported")
