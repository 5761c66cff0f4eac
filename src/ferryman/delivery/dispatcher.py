"""The dispatcher: claim due messages, send them and record the outcomes.

    claim ──▶ send, many at once ──▶ record
     ▲ NOTIFY (notifications.py), or a heartbeat that finds something due

Only a window of each app's messages is in flight, so a slow app delays no other. Claims and
outcomes go to the database in batches. Nothing is lost with this process: other workers take over
its claims once it has been silent for ``heartbeat_seconds``.

To follow one attempt, read ``scheduler.py``, ``sender.py`` (by which route) and ``recorder.py``.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from uuid import UUID

import structlog

from ferryman.delivery.backoff import delay_after
from ferryman.delivery.draining import Draining
from ferryman.delivery.in_flight_call import InFlightCall
from ferryman.delivery.queue_dispatcher import QueueDispatcher
from ferryman.delivery.recorder import Recorder, all_failed
from ferryman.delivery.rescuer import Rescuer
from ferryman.delivery.resting_apps import RestingApps
from ferryman.delivery.scheduler import FairScheduler, Quotas, own_order
from ferryman.delivery.sender import NoPlaceError, Sender
from ferryman.delivery.worker_health import WorkerHealth
from ferryman.delivery.worker_heartbeat import WorkerHeartbeat
from ferryman.errors import OutsideError
from ferryman.functions.pool import FunctionPool
from ferryman.services import delivery as delivery_service
from ferryman.services import worker as worker_service
from ferryman.services.app_cache import AppCache
from ferryman.services.attempt import AttemptResult
from ferryman.services.delivery import Delivery
from ferryman.services.platform import Platform, wait_for_event
from ferryman.store.delivery import Lane
from ferryman.vocab import EventType

log = structlog.get_logger("ferryman.delivery")

_LEAVE_SECONDS, _PAUSE_SECONDS = 5.0, 1.0
"""The longest time to sign off, and the pause after an unexpected failure."""


class Dispatcher:
    """Runs one worker's deliveries."""

    def __init__(
        self,
        platform: Platform,
        sender: Sender,
        functions: FunctionPool,
        stop: asyncio.Event,
        quotas: Quotas,
        worker_id: UUID,
        queues: QueueDispatcher,
        draining: Draining,
    ) -> None:
        self._platform, self._worker_id = platform, worker_id
        self._sender, self._functions = sender, functions
        self._stop, self._draining, self._queues = stop, draining, queues
        self._app_cache, self._places = AppCache(), asyncio.Semaphore(quotas.places)
        self._scheduler = FairScheduler[Lane](quotas)
        self._tasks: dict[asyncio.Task[bool | None], UUID] = {}
        self._health, self._changed = WorkerHealth(platform, worker_id), asyncio.Event()
        self._recorder = Recorder(
            platform, self._app_cache, self._wake, self._changed.set, self._health
        )
        self._rescuer = Rescuer(platform, worker_id, self._held)
        self._resting = RestingApps(platform, self._app_cache, functions.records)
        timeout = platform.heartbeat_timeout.total_seconds()
        self._heartbeat = WorkerHeartbeat(self._poll, self._heartbeat_ended, timeout)
        queues.heartbeat, queues.ended = self._heartbeat, self._wake

    async def run(self) -> None:
        """Deliver until ``stop`` is set; then finish what is in flight.

        If any task fails, cancel the rest: a half-running worker is worse than none.
        """
        async with asyncio.TaskGroup() as group:
            others = [group.create_task(loop()) for loop in (self._recorder.run, self._watch_stop)]
            await self._deliver(others)

    async def _deliver(self, others: list[asyncio.Task[None]]) -> None:
        if self._functions.held is not None:
            await self._health.report_failure("functions", self._functions.held)
        try:
            while not self._stop.is_set() or self._busy:
                try:
                    await self._step()
                except OutsideError as exc:
                    log.warning("dispatcher.waits", code=exc.code)
                    self._rescuer.lost_touch()
                    self._heartbeat.wake()
                    await wait_for_event(self._changed, 0.5)
                except Exception as exc:
                    log.exception("dispatcher.failed")
                    await self._health.report_failure("delivering", exc)
                    await asyncio.sleep(_PAUSE_SECONDS)
                    self._wake()  # claims that failed took their lanes out of the scheduler
        finally:
            ended = [*others, *self._tasks]
            for task in ended:
                task.cancel()
            await asyncio.gather(*ended, return_exceptions=True)
            await self._heartbeat.finish(_LEAVE_SECONDS)
            # Whatever is left: without this worker's row, others take its messages over at once.
            with suppress(OutsideError, TimeoutError):
                async with asyncio.timeout(_LEAVE_SECONDS):
                    await worker_service.sign_off(self._platform, self._worker_id)

    @property
    def _busy(self) -> bool:
        """Whether claims of this worker are left, so that it must not leave."""
        return bool(self._tasks) or self._recorder.busy or self._queues.running

    async def _step(self) -> None:
        self._changed.clear()
        self._heartbeat.check()
        if self._heartbeat.due:
            await self._rescuer.release_unheld()
            self._heartbeat.begin()
        # Measured from before the claim: nobody counts us as silent from an earlier time.
        until = self._heartbeat.claim_ends
        idle = Counter({UUID(owner): count for owner, count in self._functions.idle.items()})
        withheld = self._stop.is_set() or self._draining or self._recorder.full
        claimed = await self._claim(idle) if self._heartbeat.lets_claim and not withheld else []
        for delivery in claimed:
            self._start(delivery, until, warm=idle[delivery.app.app_id] > 0)
            idle[delivery.app.app_id] -= 1
        if not self._heartbeat.under_way:
            await self._health.report_ok("delivering")
        if not claimed:
            await wait_for_event(self._changed, max(0.0, self._heartbeat.pause))

    async def _claim(self, idle: Counter[UUID]) -> list[Delivery]:
        with self._draining.taking():
            if unknown := self._scheduler.apps - self._app_cache.apps.keys():
                await delivery_service.refresh_apps(self._platform, self._app_cache, unknown)
            self._functions.kept = {str(app_id) for app_id in self._scheduler.kept}
            quotas = self._scheduler.take(self._app_cache.calls_function, idle, self._resting.apps)
            if not quotas:
                return []
            try:
                claimed = await delivery_service.claim(
                    self._platform, self._worker_id, self._app_cache, quotas
                )
            except OutsideError:
                self._rescuer.doubt_claim()
                raise
        self._scheduler.claimed(quotas, Counter(delivery.message.lane for delivery in claimed))
        return claimed

    async def _poll(self) -> float:
        """Send a heartbeat, find lanes with due messages; return the seconds to the next poll."""
        known, rests = self._draining, self._resting.apps
        view = await worker_service.heartbeat(
            self._platform, self._worker_id, known.since, idle=known.idle, rests=rests
        )
        self._heartbeat.alive(view.before)
        self._draining.follow(view.draining_since)
        await self._rescuer.rescue()
        await self._resting.end_of_changed()
        self._recorder.failing = view.failing
        self._scheduler.update_breakers(
            closed=[lane for lane, due in view.due.items() if due.closed],
            probed=[lane for lane, due in view.due.items() if due.tripped and not due.closed],
        )
        pause = self._heartbeat.longest
        for lane in own_order(self._worker_id, view.due):
            wait = (view.due[lane].at - view.now).total_seconds()
            if wait <= 0:
                self._scheduler.add(lane)
            else:
                pause = min(pause, wait)
        return pause

    def _held(self) -> set[UUID]:
        return {*self._tasks.values(), *self._recorder.held}

    def _start(self, delivery: Delivery, until: float, *, warm: bool) -> None:
        calls = bool(self._app_cache.calls_function(delivery.message.lane))
        call = self._scheduler.started(delivery.message.lane, calls=calls, warm=warm)
        tracked = InFlightCall(self._scheduler, call, self._changed.set, self._places)
        task = asyncio.create_task(self._send(delivery, until, tracked))
        self._tasks[task] = delivery.message.message_id
        task.add_done_callback(self._tasks.pop)
        task.add_done_callback(tracked.ended)

    async def _send(self, delivery: Delivery, until: float, tracked: InFlightCall) -> bool | None:
        """Make an attempt; return whether no answer came in time, or None if it was not made."""
        message = delivery.message
        if tracked.needs_place:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await tracked.wait_for_place()
        else:
            tracked.watch()
        if asyncio.get_running_loop().time() > until:
            log.warning("claim.too_old", message=str(message.message_id))
            await self._give_back(delivery)
            return None
        hung: bool | None = None
        try:
            by_route = await self._sender.send(delivery, until, tracked.begun)
            hung = any(outcome.hung for _, outcome in by_route)
        except NoPlaceError:
            self._scheduler.unfit(message.lane)  # if its app rests
            await self._give_back(delivery)
            return None
        except Exception as exc:
            log.exception("attempt.broke", message=str(message.message_id))
            by_route = all_failed("before", delivery, f"the worker failed: {type(exc).__name__}")
        base = self._platform.settings.retry_base_seconds
        wait = delay_after(message, [outcome for _, outcome in by_route], base)
        self._recorder.add(AttemptResult(delivery, by_route, wait))
        return hung

    async def _give_back(self, delivery: Delivery) -> None:
        """Release a claim that was not begun in time: another worker may hold it by now."""
        try:
            await worker_service.release(self._platform, self._worker_id, delivery.message)
        except Exception:
            log.exception("claim.kept")
            self._rescuer.doubt_claim()
        self._wake()

    async def _watch_stop(self) -> None:
        await self._stop.wait()
        self._changed.set()

    def on_notify(self, payload: str) -> None:
        """Check the lane named by a notification, or all lanes if it is empty."""
        app_id, _, event_type = payload.partition(" ")
        if event_type:
            self._scheduler.add(Lane(UUID(app_id), EventType(event_type)))
            self._changed.set()
        else:
            self._wake()

    def _heartbeat_ended(self) -> None:
        self._changed.set()
        self._queues.changed.set()

    def _wake(self) -> None:
        self._heartbeat.wake()
        self._changed.set()
