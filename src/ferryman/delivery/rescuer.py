"""The rescuer: free orphaned messages, whose worker is dead."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from ferryman.services import worker as worker_service
from ferryman.services.platform import Platform

_DOUBT_SECONDS = 60.0
"""How long a claim may still commit after its connection was lost."""


class FailureDetector:
    """Tells which workers fell silent, by this process's own clock.

    Each heartbeat writes the database's time. Only a change of that time counts, not its value,
    because the database's clock may be set at any moment.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heard: dict[UUID, tuple[datetime, float]] = {}

    def silent(self, seen: Mapping[UUID, datetime], seconds: float) -> dict[UUID, datetime]:
        """Return the workers whose heartbeat has not changed for ``seconds``.

        ``seen`` has the latest heartbeat of every worker.
        """
        now = self._clock()
        before, self._heard = self._heard, {}
        for worker_id, at in seen.items():
            known, when = before.get(worker_id, (None, now))
            self._heard[worker_id] = at, when if known == at else now
        return {
            worker_id: at for worker_id, (at, when) in self._heard.items() if now - when > seconds
        }


class Rescuer:
    """Takes over from silent workers, and releases claims that this worker lost track of."""

    def __init__(self, platform: Platform, worker_id: UUID, held: Callable[[], set[UUID]]) -> None:
        self._platform = platform
        self._worker_id = worker_id
        self._held = held
        self._detector = FailureDetector(asyncio.get_running_loop().time)
        self._in_doubt_until = 0.0

    def lost_touch(self) -> None:
        """Start to count silence again: the database did not answer us; others may be alive."""
        self._detector = FailureDetector(asyncio.get_running_loop().time)

    def doubt_claim(self) -> None:
        """Note that a claim, or its release, may have committed without an answer.

        No other worker takes what a live worker holds, so this one has to release it.
        """
        self._in_doubt_until = asyncio.get_running_loop().time() + _DOUBT_SECONDS

    async def release_unheld(self) -> None:
        """While in doubt, release messages that are claimed by this worker but not in its hands."""
        if asyncio.get_running_loop().time() < self._in_doubt_until:
            await worker_service.release_unheld(self._platform, self._worker_id, self._held())

    async def rescue(self) -> None:
        """Free the messages of workers that fell silent."""
        seconds = self._platform.heartbeat_timeout.total_seconds()
        await worker_service.rescue(
            self._platform, lambda seen: self._detector.silent(seen, seconds)
        )
