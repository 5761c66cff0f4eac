"""What a worker fails at over and over, told in its row so that others can explain it."""

from uuid import UUID

import structlog

from ferryman.errors import OutsideError
from ferryman.services import worker as workers
from ferryman.services.platform import Platform

log = structlog.get_logger("ferryman.delivery")

_LONGEST = 300


class Trouble:
    """The parts of one worker's work that fail at present, each with its last error."""

    def __init__(self, platform: Platform, worker_id: UUID) -> None:
        self._platform = platform
        self._worker_id = worker_id
        self._failing: dict[str, str] = {}

    async def failed(self, part: str, error: Exception) -> None:
        """That part of the work has failed, again perhaps; a worker that can say so lives."""
        # The first line: what else a server says of an error may show what is in its rows.
        said = (str(error).splitlines() or [""])[0][:_LONGEST]
        self._failing[part] = f"{part}: {type(error).__name__}: {said}"
        await self._tell()

    async def well(self, part: str) -> None:
        """That part of the work succeeds."""
        if part in self._failing:
            del self._failing[part]
            await self._tell()

    async def _tell(self) -> None:
        error = "; ".join(self._failing.values()) or None
        try:
            await workers.tell(self._platform, self._worker_id, error)
        except OutsideError as exc:
            log.warning("trouble.untold", code=exc.code)
        except Exception:
            log.exception("trouble.untold")
