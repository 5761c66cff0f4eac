"""The loop of a worker: claims what is due, has it sent, records what came of it.

    look ──▶ claim ──▶ send, many at once ──▶ record
     ▲ NOTIFY, or the next due time

Of each app only a window of messages is in flight at a time, so a slow app keeps nobody waiting.
Claims and outcomes go to the database many at a time. Nothing is lost with this process: what it
claimed others take over once it has been silent for ``heartbeat_seconds``.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog

from ferryman.delivery.backoff import next_delay, retry_delay
from ferryman.delivery.recorder import Recorder, all_failed
from ferryman.delivery.sender import Sender
from ferryman.delivery.trouble import Trouble
from ferryman.delivery.turns import Bounds, Turns
from ferryman.domain.message import Message, number_in_round
from ferryman.errors import OutsideError
from ferryman.functions.pool import FunctionPool
from ferryman.ids import jitter, passing_id
from ferryman.services import delivery as deliveries
from ferryman.services import worker as workers
from ferryman.services.attempt import Result
from ferryman.services.delivery import Delivery
from ferryman.services.known_apps import KnownApps
from ferryman.services.platform import Platform, passed
from ferryman.store.database import CONNECTION_LOST, connect
from ferryman.store.delivery import CHANNEL, Lane
from ferryman.vocab import EventType

log = structlog.get_logger("ferryman.delivery")

_LOOK_SECONDS = 1.0
"""At least so often all lanes are looked at: a notification may have been lost."""

_LEAVE_SECONDS = 5.0

_DOUBT_SECONDS = 60.0
"""For so long after a claim whose commit got no answer it may still come to be."""

_PAUSE_SECONDS = 1.0
"""After a failure that nobody foresaw."""


class Dispatcher:
    """One worker's deliveries."""

    def __init__(
        self,
        platform: Platform,
        sender: Sender,
        functions: FunctionPool,
        database_url: str,
        stop: asyncio.Event,
    ) -> None:
        self._platform = platform
        self._functions = functions
        self._sender = sender
        self._url = database_url
        self._stop = stop
        self._worker_id = passing_id()
        self._known = KnownApps()
        self._turns = Turns(
            Bounds(platform.settings.delivery_concurrency, functions.concurrency, functions.share)
        )
        self._tasks: dict[asyncio.Task[None], UUID] = {}
        self._trouble = Trouble(platform, self._worker_id)
        self._changed = asyncio.Event()
        self._recorder = Recorder(
            platform, self._known, self._look_soon, self._changed.set, self._trouble
        )
        self._next_look = 0.0
        self._in_touch_since = 0.0
        self._in_doubt_until = 0.0

    async def run(self) -> None:
        """Deliver until told to stop; then finish what is in flight.

        A part that ends by a mistake of ours ends all of it, so that nobody works half.
        """
        async with asyncio.TaskGroup() as group:
            others = [
                group.create_task(each())
                for each in (self._listen, self._recorder.run, self._heed_stop)
            ]
            await self._deliver(others)

    async def _deliver(self, others: list[asyncio.Task[None]]) -> None:
        try:
            while not self._stop.is_set() or self._tasks or self._recorder.busy:
                try:
                    await self._step()
                except OutsideError as exc:
                    log.warning("dispatcher.waits", code=exc.code)
                    self._in_touch_since = asyncio.get_running_loop().time()
                    await passed(self._changed, 0.5)
                except Exception as exc:
                    log.exception("dispatcher.failed")
                    await self._trouble.failed("delivering", exc)
                    await asyncio.sleep(_PAUSE_SECONDS)
                    self._look_soon()  # what was not claimed is not known to be due any more
        finally:
            ended = [*others, *self._tasks]
            for task in ended:
                task.cancel()
            await asyncio.gather(*ended, return_exceptions=True)
            # Cut off, it still holds messages: once it has left, others need not wait for them.
            with suppress(OutsideError, TimeoutError):
                async with asyncio.timeout(_LEAVE_SECONDS):
                    await workers.leave(self._platform, self._worker_id)

    async def _step(self) -> None:
        loop = asyncio.get_running_loop()
        self._changed.clear()
        if loop.time() >= self._next_look:
            await self._look()
        claimed: list[Delivery] = []
        # From before the claim: whoever takes us for dead counts from then at the earliest.
        until = loop.time() + self._platform.silence.total_seconds() / 2
        warm = {UUID(owner) for owner in self._functions.warm}
        rooms: dict[Lane, int] = {}
        if not self._stop.is_set() and not self._recorder.full:
            if unknown := self._turns.apps - self._known.apps.keys():
                await deliveries.learn(self._platform, self._known, unknown)
            rooms = self._turns.take(self._known.calls_function, warm)
        if rooms:
            claimed = await self._claim(rooms)
        for delivery in claimed:
            self._start(delivery, until, warm=delivery.app.app_id in warm)
        await self._trouble.well("delivering")
        if not claimed:
            await passed(self._changed, max(0.0, self._next_look - loop.time()))

    async def _claim(self, rooms: dict[Lane, int]) -> list[Delivery]:
        try:
            claimed = await deliveries.claim(self._platform, self._worker_id, self._known, rooms)
        except OutsideError:
            # It may be committed all the same, and nobody else takes what a live worker holds.
            self._in_doubt_until = asyncio.get_running_loop().time() + _DOUBT_SECONDS
            raise
        self._turns.claimed(rooms, Counter(delivery.message.lane for delivery in claimed))
        return claimed

    async def _look(self) -> None:
        """Find the lanes with something due, and when to look again."""
        if asyncio.get_running_loop().time() < self._in_doubt_until:
            held = {*self._tasks.values(), *self._recorder.held}
            await workers.let_go(self._platform, self._worker_id, held)
        sight = await workers.look(self._platform, self._worker_id)
        silence = self._platform.silence
        if asyncio.get_running_loop().time() - self._in_touch_since > silence.total_seconds():
            # Whoever was silent while we heard nothing either may be as well as we are.
            await workers.take_over(self._platform, silence)
        self._recorder.failing = sight.failing
        self._turns.heed(
            closed=[lane for lane, due in sight.due.items() if due.closed],
            probed=[lane for lane, due in sight.due.items() if due.tripped and not due.closed],
        )
        pause = min(_LOOK_SECONDS, silence.total_seconds() / 4)
        for lane, due in sight.due.items():
            wait = (due.at - sight.now).total_seconds()
            if wait <= 0:
                self._turns.due(lane)
            else:
                pause = min(pause, wait)
        self._next_look = asyncio.get_running_loop().time() + pause

    def _start(self, delivery: Delivery, until: float, *, warm: bool) -> None:
        lane = delivery.message.lane
        calls = self._known.calls_function(lane)
        self._turns.began(lane, calls=calls, warm=warm)
        task = asyncio.create_task(self._send(delivery, until))
        self._tasks[task] = delivery.message.message_id

        def ended(task: asyncio.Task[None]) -> None:
            del self._tasks[task]
            self._turns.ended(lane, calls=calls)
            self._changed.set()

        task.add_done_callback(ended)

    async def _send(self, delivery: Delivery, until: float) -> None:
        if asyncio.get_running_loop().time() > until:
            await self._give_back(delivery)
            return
        try:
            by_route = await self._sender.send(delivery, until)
        except Exception as exc:
            log.exception("attempt.broke", message=str(delivery.message.message_id))
            by_route = all_failed("before", delivery, f"the worker failed: {type(exc).__name__}")
        message = delivery.message
        delay = retry_delay(
            number_in_round(Message(earlier=message.earlier), message.number),
            base=self._platform.settings.retry_base_seconds,
            random=lambda: jitter(str(message.message_id), str(message.number)),
        )
        wait = next_delay(delay, (outcome for _, outcome in by_route))
        self._recorder.add(Result(delivery, by_route, wait))

    async def _give_back(self, delivery: Delivery) -> None:
        """This process stood still: others may have it by now, or its acknowledgement."""
        log.warning("claim.too_old", message=str(delivery.message.message_id))
        try:
            await workers.give_back(self._platform, self._worker_id, delivery.message)
        except Exception:
            log.exception("claim.kept")
            self._in_doubt_until = asyncio.get_running_loop().time() + _DOUBT_SECONDS
        self._look_soon()

    async def _heed_stop(self) -> None:
        await self._stop.wait()
        self._changed.set()

    async def _listen(self) -> None:
        """Hear what becomes due; while that is not possible, looking now and then is enough."""
        while True:
            try:
                connection = await connect(self._url)
                try:
                    await self._hear_until_lost(connection)
                finally:
                    connection.terminate()
            except CONNECTION_LOST as exc:
                log.warning("notifications.lost", error=type(exc).__name__)
            except Exception:
                log.exception("notifications.failed")
            await asyncio.sleep(0.5)

    async def _hear_until_lost(self, connection: Any) -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(CHANNEL, self._hear)
        self._hear(connection, 0, CHANNEL, "")
        await lost.wait()

    def _hear(self, _connection: Any, _pid: int, _channel: str, said: str) -> None:
        app_id, _, event_type = said.partition(" ")
        if event_type:
            self._turns.due(Lane(UUID(app_id), EventType(event_type)))
            self._changed.set()
        else:
            self._look_soon()

    def _look_soon(self) -> None:
        self._next_look = 0.0
        self._changed.set()
