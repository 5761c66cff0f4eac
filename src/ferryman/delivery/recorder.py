"""Record the results of attempts in batches.

Until a batch is committed, this process holds the only copy.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import structlog

from ferryman.delivery.worker_health import WorkerHealth
from ferryman.domain.outcome import Outcome, Stage, failed
from ferryman.errors import OutsideError
from ferryman.functions.routes import Route
from ferryman.logs import SLOW_SECONDS, sampled
from ferryman.services import attempt
from ferryman.services.app_cache import AppCache
from ferryman.services.attempt import AttemptResult
from ferryman.services.delivery import Delivery
from ferryman.services.platform import Platform
from ferryman.store.breaker import EndpointRow
from ferryman.vocab import FailureCause

log = structlog.get_logger("ferryman.delivery")

_BATCH = 200
"""Results recorded in one transaction."""

_FULL = 2_000
"""Pending results at which claiming stops, since each holds the message that was sent."""

_TRIES = 3
"""Attempts to record a result that the database rejects, before it is simplified."""


class Recorder:
    """Records the results of one worker.

    Calls ``on_breaker_change`` when a circuit breaker opened or closed, and ``on_room`` when there
    is room for results again. ``failing`` are the endpoints whose next success clears a breaker.
    """

    def __init__(
        self,
        platform: Platform,
        app_cache: AppCache,
        on_breaker_change: Callable[[], None],
        on_room: Callable[[], None],
        health: WorkerHealth,
    ) -> None:
        self._platform = platform
        self._app_cache = app_cache
        self._on_breaker_change = on_breaker_change
        self._on_room = on_room
        self._health = health
        self._results: list[AttemptResult] = []
        self._added = asyncio.Event()
        self.failing: frozenset[EndpointRow] = frozenset()

    @property
    def busy(self) -> bool:
        """Whether results are waiting to be recorded."""
        return bool(self._results)

    @property
    def full(self) -> bool:
        """Whether so many results are waiting that no further attempt should start."""
        return len(self._results) >= _FULL

    @property
    def held(self) -> set[UUID]:
        """The messages whose results are waiting."""
        return {result.delivery.message.message_id for result in self._results}

    def add(self, result: AttemptResult) -> None:
        """Add the result of an attempt."""
        self._results.append(result)
        self._added.set()

    async def run(self) -> None:
        """Record results as they arrive, retrying however long the database is away."""
        while True:
            await self._added.wait()
            self._added.clear()
            while batch := self._results[:_BATCH]:
                await self._write(batch)
                full = self.full
                del self._results[: len(batch)]
                if full and not self.full:
                    self._on_room()
                for result in batch:
                    _log_outcome(result, self._platform.settings.log_sample)

    async def _write(self, batch: list[AttemptResult], *, again: bool = False) -> None:
        """Record a batch; ``again``: an earlier try may have committed without our knowing."""
        pause, failures = 0.1, 0
        while True:
            try:
                turned = await attempt.record(
                    self._platform, batch, self._app_cache, self.failing, again=again
                )
            except OutsideError as exc:
                again = True
                log.warning("outcomes.wait", count=len(batch), code=exc.code)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
            except Exception as exc:
                log.exception("outcomes.failed", count=len(batch))
                if len(batch) > 1:
                    for result in batch:
                        await self._write([result], again=again)
                    return
                failures += 1
                if failures == _TRIES:
                    batch = [_unrecorded(batch[0], exc)]
                elif failures > _TRIES:
                    await self._health.report_failure("recording outcomes", exc)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
            else:
                await self._health.report_ok("recording outcomes")
                if turned:
                    self._on_breaker_change()
                return


def all_failed(stage: Stage, delivery: Delivery, error: str) -> tuple[tuple[Route, Outcome], ...]:
    """Return the same failure for every route, for an attempt that the worker could not make."""
    outcome = failed(stage, FailureCause.DELIVERY_FAILED, error, duration=0.0)
    return tuple((route, outcome) for route in delivery.routes)


def _unrecorded(result: AttemptResult, error: Exception) -> AttemptResult:
    """Return the result with an outcome that can certainly be stored, so that it is not stuck."""
    reason = f"its outcome could not be recorded: {type(error).__name__}"
    return replace(result, by_route=all_failed("during", result.delivery, reason))


def _log_outcome(result: AttemptResult, sample: float) -> None:
    delivery, outcome = result.delivery, result.outcome
    well = outcome.ok and outcome.duration < SLOW_SECONDS
    if well and not sampled(sample, str(delivery.message.message_id)):
        return
    message = delivery.message
    say = log.info if outcome.ok else log.warning
    say(
        "attempt.delivered" if outcome.ok else "attempt.failed",
        app=delivery.app.cloud_app_key,
        environment=delivery.app.environment,
        transfer=str(message.transfer_id),
        message=str(message.message_id),
        event_type=message.lane.event_type.value,
        number=message.number,
        stage=outcome.stage,
        cause=outcome.cause,
        status=outcome.status,
        seconds=round(outcome.duration, 3),
    )
