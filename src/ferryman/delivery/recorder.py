"""Writing down what came of attempts, many at a time: until it is written only we know it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import structlog

from ferryman.delivery.trouble import Trouble
from ferryman.domain.outcome import Outcome, Stage, failed
from ferryman.errors import OutsideError
from ferryman.functions.routes import Route
from ferryman.services import attempt as attempts
from ferryman.services.attempt import Result
from ferryman.services.delivery import Delivery
from ferryman.services.known_apps import KnownApps
from ferryman.services.platform import Platform
from ferryman.store.breaker import Endpoint
from ferryman.vocab import FailureCause

log = structlog.get_logger("ferryman.delivery")

_BATCH = 200
"""Outcomes recorded in one transaction."""

_FULL = 2_000
"""Results that wait, after which no more messages are claimed: each holds what was sent."""

_TRIES = 3
"""At recording an outcome, while the database answers and says no."""


class Recorder:
    """The results of one worker; ``turned`` is called when a circuit breaker opened or closed,
    ``eased`` when it is full no more.

    ``failing`` are the endpoints of which a success is news.
    """

    def __init__(
        self,
        platform: Platform,
        known: KnownApps,
        turned: Callable[[], None],
        eased: Callable[[], None],
        trouble: Trouble,
    ) -> None:
        self._platform = platform
        self._known = known
        self._turned = turned
        self._eased = eased
        self._trouble = trouble
        self._results: list[Result] = []
        self._added = asyncio.Event()
        self.failing: frozenset[Endpoint] = frozenset()

    @property
    def busy(self) -> bool:
        """Whether results wait to be written."""
        return bool(self._results)

    @property
    def full(self) -> bool:
        """Whether so many results wait that nothing more should be begun."""
        return len(self._results) >= _FULL

    @property
    def held(self) -> set[UUID]:
        """The messages whose results wait."""
        return {result.delivery.message.message_id for result in self._results}

    def add(self, result: Result) -> None:
        """An attempt ended."""
        self._results.append(result)
        self._added.set()

    async def run(self) -> None:
        """Write results as they come, however long the database is away."""
        while True:
            await self._added.wait()
            self._added.clear()
            while batch := self._results[:_BATCH]:
                await self._write(batch)
                full = self.full
                del self._results[: len(batch)]
                if full and not self.full:
                    self._eased()
                for result in batch:
                    _tell(result)

    async def _write(self, batch: list[Result], *, again: bool = False) -> None:
        """``again``: they may be written already, and nobody was told."""
        pause, failures = 0.1, 0
        while True:
            try:
                turned = await attempts.record(
                    self._platform, batch, self._known, self.failing, again=again
                )
            except OutsideError as exc:
                again = True
                log.warning("outcomes.wait", count=len(batch), code=exc.code)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
            except Exception as exc:
                log.exception("outcomes.failed", count=len(batch))
                if len(batch) > 1:
                    for each in batch:
                        await self._write([each], again=again)
                    return
                failures += 1
                if failures == _TRIES:
                    batch = [_unrecorded(batch[0], exc)]
                elif failures > _TRIES:
                    await self._trouble.failed("recording outcomes", exc)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
            else:
                await self._trouble.well("recording outcomes")
                if turned:
                    self._turned()
                return


def all_failed(stage: Stage, delivery: Delivery, error: str) -> tuple[tuple[Route, Outcome], ...]:
    """The outcome of an attempt that the worker itself could not make, by every way."""
    outcome = failed(stage, FailureCause.DELIVERY_FAILED, error, duration=0.0)
    return tuple((route, outcome) for route in delivery.routes)


def _unrecorded(result: Result, error: Exception) -> Result:
    """The same attempt with an outcome that can surely be written, so that it is not stuck."""
    reason = f"its outcome could not be recorded: {type(error).__name__}"
    return replace(result, by_route=all_failed("during", result.delivery, reason))


def _tell(result: Result) -> None:
    delivery, outcome = result.delivery, result.outcome
    message = delivery.message
    log.info(
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
