"""The queue dispatcher: claim due events of queues, call their consumers, record the outcomes.

It works as the dispatcher of messages does, with the same parts, but with places of its own: a
consumer may run for 15 minutes, and takes none from the events of migrations (ADR 89). The claims
are kept by the heartbeats of the other dispatcher, which ends after this one; without a recent
one nothing is claimed.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from uuid import UUID

import structlog

from ferryman.delivery.arguments import consumer_argument
from ferryman.delivery.backoff import next_delay, retry_delay
from ferryman.delivery.draining import Draining
from ferryman.delivery.function_caller import AppOnSite
from ferryman.delivery.in_flight_call import InFlightCall
from ferryman.delivery.notifications import repeat
from ferryman.delivery.queue_log import log_outcome, printed
from ferryman.delivery.resolver import OWNER
from ferryman.delivery.scheduler import FairScheduler, Quotas, own_order
from ferryman.delivery.sender import NoPlaceError, Sender
from ferryman.delivery.worker_heartbeat import WorkerHeartbeat
from ferryman.domain.outcome import Outcome, failed
from ferryman.errors import OutsideError
from ferryman.functions.pool import FunctionPool
from ferryman.functions.routes import EndpointConsumer, FunctionConsumer
from ferryman.ids import jitter
from ferryman.services import queue_delivery as queue_delivery_service
from ferryman.services.consumer_kinds import ConsumerKinds
from ferryman.services.platform import Platform
from ferryman.services.queue_delivery import QueueDelivery
from ferryman.store.queue import QueueLane
from ferryman.vocab import FailureCause

log = structlog.get_logger("ferryman.queue")

_POLL_SECONDS = 1.0
"""The longest wait before all queues are checked: a notification may have been lost."""

_AWAY_SECONDS = 0.5
_RETRY_SECONDS = 1.0
_TRIES = 3
"""Attempts to record an outcome that the database rejects; then it counts as lost."""


class QueueDispatcher:
    """Runs one worker's consumers.

    The other dispatcher sets ``heartbeat``, and ``ended``, which is called when none runs any more.
    """

    heartbeat: WorkerHeartbeat

    def __init__(
        self,
        platform: Platform,
        sender: Sender,
        functions: FunctionPool,
        stop: asyncio.Event,
        quotas: Quotas,
        worker_id: UUID,
        draining: Draining,
    ) -> None:
        self._platform = platform
        self._caller, self._endpoints = sender.caller, sender.endpoints
        self._kinds = ConsumerKinds(platform)
        self._functions = functions
        self._stop, self._draining = stop, draining
        self._worker_id = worker_id
        self._scheduler: FairScheduler[QueueLane] = FairScheduler(quotas)
        self._places = asyncio.Semaphore(max(1, quotas.places))
        self._tasks: dict[asyncio.Task[bool | None], UUID] = {}
        self.changed = asyncio.Event()
        self._next_poll = 0.0
        self.running = True
        self.ended: Callable[[], None] = lambda: None

    def wake(self) -> None:
        """Check all queues: something may be due, or the worker is stopping."""
        self._next_poll = 0.0
        self.changed.set()

    async def run(self) -> None:
        """Deliver until ``stop`` is set; then finish what ends soon.

        What takes longer is ended and delivered again by another worker.
        """
        try:
            await repeat(
                log,
                "queues",
                self._step,
                stop=self._stop,
                woken=self.changed,
                away_seconds=_AWAY_SECONDS,
                retry_seconds=_RETRY_SECONDS,
            )
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=self._platform.settings.function_seconds)
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.running = False
            self.ended()

    async def _step(self) -> float:
        loop = asyncio.get_running_loop()
        if loop.time() >= self._next_poll:
            # Before the poll: a notification during it asks for another one.
            self._next_poll = loop.time() + _POLL_SECONDS
            pause = await self._poll()
            self._next_poll = min(self._next_poll, loop.time() + pause)
        if self._draining or not self.heartbeat.lets_claim:
            return max(0.0, self._next_poll - loop.time())
        # Measured from before the claim: nobody counts us as silent from an earlier time.
        until = self.heartbeat.claim_ends
        waiting = self._scheduler.apps
        found = ((UUID(owner), count) for owner, count in self._functions.idle.items())
        idle = Counter({app_id: count for app_id, count in found if app_id in waiting})
        quotas = self._scheduler.take(
            self._kinds.calls_function, idle, self._functions.records.resting
        )
        if not quotas:
            return max(0.0, self._next_poll - loop.time())
        with self._draining.taking():
            claimed = await queue_delivery_service.claim(self._platform, self._worker_id, quotas)
        self._scheduler.claimed(quotas, Counter(each.event.lane for each in claimed))
        for delivery in claimed:
            self._start(delivery, until, warm=idle[delivery.app.app_id] > 0)
            idle[delivery.app.app_id] -= 1
        return 0.0 if claimed else max(0.0, self._next_poll - loop.time())

    async def _poll(self) -> float:
        """Take over what nobody delivers, find what is due; return the seconds to the next poll."""
        held = set(self._tasks.values())
        await queue_delivery_service.rescue(self._platform, self._worker_id, held, self._pause)
        due, now = await queue_delivery_service.due(self._platform)
        pause = _POLL_SECONDS
        for lane in own_order(self._worker_id, due):
            wait = (due[lane] - now).total_seconds()
            if wait <= 0:
                self._scheduler.add(lane)
            else:
                pause = min(pause, wait)
        await self._kinds.learn(self._scheduler.lanes, asyncio.get_running_loop().time())
        return pause

    def _start(self, delivery: QueueDelivery, until: float, *, warm: bool) -> None:
        calls = isinstance(delivery.route, FunctionConsumer)
        self._kinds.note(delivery.event.lane, delivery.route)
        call = self._scheduler.started(delivery.event.lane, calls=calls, warm=warm)
        tracked = InFlightCall(self._scheduler, call, self.changed.set, self._places)
        task = asyncio.create_task(self._deliver(delivery, until, tracked))
        self._tasks[task] = delivery.event.event_id
        task.add_done_callback(self._tasks.pop)
        task.add_done_callback(tracked.ended)

    async def _deliver(
        self, delivery: QueueDelivery, until: float, tracked: InFlightCall
    ) -> bool | None:
        """Make an attempt; return whether no answer came in time, or None if it was not made."""
        event = delivery.event
        async with AsyncExitStack() as place:
            try:
                async with asyncio.timeout_at(until):
                    await tracked.wait_for_place()
                    if isinstance(route := delivery.route, FunctionConsumer):
                        await place.enter_async_context(self._functions.place())
                        if self._functions.must_wait(str(delivery.app.app_id), route.handler):
                            raise NoPlaceError
            except (TimeoutError, NoPlaceError) as reason:
                if isinstance(reason, TimeoutError):
                    log.warning("queue.claim_too_old", queue_event=str(event.event_id))
                self._scheduler.unfit(event.lane)  # if its app rests
                await self._give_back(delivery)
                return None
            try:
                outcome = await self._call(delivery, tracked)
            except Exception as exc:
                log.exception("queue.attempt_broke", queue_event=str(event.event_id))
                error = f"the worker failed: {type(exc).__name__}"
                outcome = failed("before", FailureCause.DELIVERY_FAILED, error, duration=0.0)
        delay = next_delay(self._pause(event.event_id, event.number), [outcome])
        log_outcome(delivery, outcome)
        await self._record(delivery, outcome, delay)
        return outcome.hung

    async def _call(self, delivery: QueueDelivery, tracked: InFlightCall) -> Outcome:
        event, route = delivery.event, delivery.route
        await self._caller.tokens.refresh()
        target, argument = AppOnSite(delivery.app, event.site), consumer_argument(delivery)
        if isinstance(route, EndpointConsumer):
            OWNER.set(str(delivery.app.app_id))
            return await self._endpoints.consume(route.to, target, json.dumps(argument))
        logged = self._platform.settings.log_output
        return await self._caller.run(
            target,
            route.handler,
            argument,
            seconds=route.seconds,
            printed=printed(delivery, route.function) if logged else None,
            begun=tracked.begun,
            identity={"queueChain": str(event.chain)},
        )

    async def _record(self, delivery: QueueDelivery, outcome: Outcome, delay: timedelta) -> None:
        """Record an outcome, retrying however long the database is away."""
        failures = 0
        while failures < _TRIES:
            try:
                await queue_delivery_service.record(
                    self._platform, self._worker_id, delivery.event, outcome, delay
                )
            except OutsideError as exc:
                log.warning("queue.outcome_waits", code=exc.code)
            except Exception:
                log.exception("queue.outcome_failed", queue_event=str(delivery.event.event_id))
                failures += 1
            else:
                if delivery.event.concurrency is not None:
                    self.wake()  # others may wait for its place
                return
            await asyncio.sleep(_AWAY_SECONDS)

    async def _give_back(self, delivery: QueueDelivery) -> None:
        """Release a claim that was not begun in time; if that fails, the next poll does it."""
        with suppress(OutsideError):
            await queue_delivery_service.release(self._platform, self._worker_id, delivery.event)

    def _pause(self, event_id: UUID, failures: int) -> timedelta:
        """Return the pause after so many attempts; none after one that was lost with its worker.

        If more are lost, the consumer may be the reason, so that they wait as other failures do.
        """
        if failures == 0:
            return timedelta(0)
        return retry_delay(
            failures,
            base=self._platform.settings.retry_base_seconds,
            random=lambda: jitter(str(event_id), str(failures)),
        )
