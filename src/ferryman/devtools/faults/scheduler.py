"""Release deliveries one by one in the order of the plan, and move time when all is quiet."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ferryman.devtools.faults.barrier import Barrier
from ferryman.devtools.faults.run import CURRENT_RUN, DeliveryRun, FaultRun
from ferryman.devtools.faults.sender import ByRoute, FaultSender, Gate, PendingDelivery
from ferryman.domain.fault_oracle import Thrown
from ferryman.domain.fault_order import Caller, turn
from ferryman.domain.fault_plan import EVENT_NAMES
from ferryman.domain.outcome import Outcome
from ferryman.services import message as message_service
from ferryman.services import transfer as transfer_service
from ferryman.services.delivery import Delivery
from ferryman.services.platform import Platform, wait_for_event
from ferryman.store import clock as clock_store
from ferryman.store import delivery as delivery_store
from ferryman.store import timer as timer_store
from ferryman.vocab import MessageState

_LATE = timedelta(hours=6)
_POLL_SECONDS = 0.02
_GRAIN = timedelta(milliseconds=10)
_ERROR_CHARACTERS = 600
_MOST_MESSAGES = 1000
_QUIET_SECONDS = 0.5
"""The wait for an idle app outside the worker, which may still handle a repeated event."""


@dataclass(frozen=True, slots=True)
class Redelivery:
    """A delivery to repeat when its transfer is over."""

    delivery: Delivery
    name: str


class DeliveryScheduler:
    """The scheduler of one platform, which has no other worker.

    With a transfer to complete, it moves time whenever all is quiet; without one, only for late
    events.
    """

    def __init__(self, platform: Platform, faults: FaultRun, sender: FaultSender) -> None:
        self._platform = platform
        self._faults = faults
        self._sender = sender
        self._gate: Gate = sender.gate
        self._again: list[Redelivery] = []
        self._open = asyncio.Event()
        self._transfer: str | None = None
        self._patience = 0.0
        self.finished = asyncio.Event()
        self.threw: list[Thrown] = []

    def close(self) -> None:
        """Begin a new run, which releases nothing until :meth:`open`."""
        self._open.clear()
        self.finished.clear()
        self._again.clear()
        self.threw = []

    def open(self, transfer_id: str | None = None, *, patience: float = 0.0) -> None:
        """Release deliveries, until the given transfer is over, if there is one.

        An app outside the worker may answer before it does its work: time stays frozen until it
        has acknowledged what it received, or has made no call for ``patience`` real seconds.
        """
        self._transfer = transfer_id
        self._patience = patience
        self._open.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set."""
        while not stop.is_set():
            if not self._open.is_set() or not await self._step():
                self._gate.changed.clear()
                await wait_for_event(self._gate.changed, _POLL_SECONDS)

    async def _step(self) -> bool:
        """Take the next step; return False if there is none yet."""
        if self.finished.is_set() or not await self._all_here():
            return False
        waiting = sorted(self._gate.waiting, key=lambda each: each.delivery.message.created_at)
        if waiting:
            callers = [self._caller(each.delivery) for each in waiting]
            indexes, late = turn(callers)
            if late:
                self._faults.record_fault(f"{_LATE} pass")
                await self._move(_LATE)
            await self._deliver([(waiting[i], callers[i]) for i in indexes])
            return True
        return await self._repeat() or await self._go_on()

    async def _repeat(self) -> bool:
        """Repeat a delivery whose transfer is over; return False if there is none."""
        for again in self._again:
            if await self._is_over(str(again.delivery.message.transfer_id)):
                self._again.remove(again)
                self._faults.record_fault(f"event {again.name} comes again, the transfer has ended")
                await self._make(again.delivery, self._faults.copy(again.name), ghost=True)
                return True
        return False

    async def _go_on(self) -> bool:
        """End the run, or move time to what comes next, once all is quiet."""
        if self._transfer is None or await self._at_work(self._transfer):
            return False
        async with self._platform.database.transaction() as tx:
            timer, delivery = (
                await timer_store.seconds_to_next(tx),
                await delivery_store.seconds_to_next(tx),
            )
        if delivery is None and await self._is_over(self._transfer):
            self.finished.set()
            return False
        wait = min((seconds for seconds in (timer, delivery) if seconds is not None), default=None)
        if wait is None:
            return False
        await self._move(timedelta(seconds=max(wait, 0.0)) + _GRAIN)
        return True

    async def _at_work(self, transfer_id: str) -> bool:
        """Return whether an app outside the worker may still be busy."""
        quiet = asyncio.get_running_loop().time() - self._faults.touched_at
        if quiet < min(self._patience, _QUIET_SECONDS):
            return True
        return quiet < self._patience and await self._is_awaited(transfer_id)

    async def _is_awaited(self, transfer_id: str) -> bool:
        """Return whether the app received app data that it has not acknowledged."""
        if await self._is_over(transfer_id):
            return False
        views = await message_service.page(
            self._platform, transfer_id, cursor=None, size=_MOST_MESSAGES
        )
        return any(
            view.state is MessageState.DELIVERED and view.acknowledgement is None
            for view in views.items
            if view.key is not None
        )

    async def _is_over(self, transfer_id: str) -> bool:
        return (await transfer_service.view(self._platform, transfer_id)).status.final

    async def _all_here(self) -> bool:
        """Return whether everything due waits at the gate and no timer is running."""
        async with self._platform.database.transaction() as tx:
            delivery = await delivery_store.seconds_to_next(tx)
            if (delivery is not None and delivery <= 0) or await timer_store.work_due(tx):
                return False
            return await delivery_store.in_flight(tx) == len(self._gate.waiting)

    async def _move(self, step: timedelta) -> None:
        async with self._platform.database.transaction() as tx:
            await clock_store.advance(tx, step)

    def _caller(self, delivery: Delivery) -> Caller:
        name = EVENT_NAMES[delivery.message.lane.event_type]
        return self._faults.caller(delivery, name)

    async def _deliver(self, group: Sequence[tuple[PendingDelivery, Caller]]) -> None:
        """Make simultaneous deliveries, each as often as its faults say."""
        copies: list[tuple[PendingDelivery | None, Delivery, DeliveryRun]] = []
        for waiting, caller in group:
            name = f"{caller.name}:{caller.number}"
            copies.append((waiting, waiting.delivery, self._faults.copy(name)))
            if "at-once" in caller.kinds:
                copies.append((None, waiting.delivery, self._faults.copy(name)))
            if "after-all" in caller.kinds:
                self._again.append(Redelivery(waiting.delivery, name))
        barrier = Barrier({copy.number for _, _, copy in copies})
        for waiting_, delivery_, copy in copies:
            copy.barrier = barrier
            self._record(copy.name, delivery_, alone=len(copies) == 1, ghost=waiting_ is None)
        outcomes = await asyncio.gather(
            *(self._make(what, copy, ghost=waiting is None) for waiting, what, copy in copies)
        )
        for (waiting_, _, _), outcome in zip(copies, outcomes, strict=True):
            if waiting_ is not None and not waiting_.done.done():
                self._gate.waiting.remove(waiting_)
                waiting_.done.set_result(outcome)
        for waiting, caller in group:
            if "twice" in caller.kinds:
                name = f"{caller.name}:{caller.number}"
                self._faults.record_fault(f"event {name} comes a second time")
                await self._make(waiting.delivery, self._faults.copy(name), ghost=True)

    def _record(self, name: str, delivery: Delivery, *, alone: bool, ghost: bool) -> None:
        text = f"event {name}, attempt {delivery.message.number}"
        if alone:
            self._faults.record(text)
        else:
            more = ", a second copy" if ghost else ""
            self._faults.record_fault(f"{text}{more}, at the same time as another")

    async def _make(self, delivery: Delivery, copy: DeliveryRun, *, ghost: bool) -> ByRoute:
        """Make one delivery; a ghost is a delivery that the platform does not know."""
        done = ghost and await self._is_done(delivery)
        self._faults.forget_unclaimed()

        async def send_in_run() -> ByRoute:
            CURRENT_RUN.set(copy)
            return await self._sender.deliver(delivery)

        try:
            by_route = await asyncio.create_task(send_in_run())
        finally:
            if copy.barrier is not None:
                copy.barrier.leave(copy.number)
        self._faults.touch()
        for _, outcome in by_route:
            self._note(copy, outcome, done=done)
        return by_route

    async def _is_done(self, delivery: Delivery) -> bool:
        """Return whether the app has acknowledged it or the transfer is over."""
        view = await message_service.view(self._platform, str(delivery.message.message_id))
        return view.acknowledgement is not None or await self._is_over(view.transfer_id)

    def _note(self, copy: DeliveryRun, outcome: Outcome, *, done: bool) -> None:
        for line in outcome.output.splitlines()[:20]:
            self._faults.record(f"  | {line}")
        if outcome.ok:
            return
        error = (outcome.error or "").strip()
        self._faults.record("  failed: " + error[-_ERROR_CHARACTERS:].replace("\n", "\n    "))
        unclaimed = self._faults.unclaimed
        if done and not copy.disturbed and not unclaimed.disturbed:
            what = f"{outcome.reason} (at event {copy.name}, which was already done)"
            self.threw.append(Thrown(what, copy.refusal or unclaimed.refusal))
