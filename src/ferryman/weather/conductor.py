"""Lets deliveries go one by one, in the order of the script, and moves time when all is quiet."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ferryman.domain.outcome import Outcome
from ferryman.domain.weather import EVENT_NAMES, Caller, turn
from ferryman.domain.weather_verdict import Thrown
from ferryman.services import message, transfer
from ferryman.services.delivery import Delivery
from ferryman.services.platform import Platform, passed
from ferryman.store import clock, delivery, queue
from ferryman.vocab import MessageState
from ferryman.weather.lockstep import Lockstep
from ferryman.weather.sending import ByRoute, Gate, Waiting, WeatherSender
from ferryman.weather.sky import COPY, Copy, Sky

_LATE = timedelta(hours=6)
_LOOK_SECONDS = 0.02
_GRAIN = timedelta(milliseconds=10)
_ERROR_CHARACTERS = 600
_MOST_MESSAGES = 1000
_QUIET_SECONDS = 0.5
"""Of an app that runs by itself and owes nothing: it may be about an event that came twice."""


@dataclass(frozen=True, slots=True)
class Again:
    """A delivery to repeat when its transfer is over."""

    delivery: Delivery
    name: str


class Conductor:
    """Of one platform; there is no other worker beside it.

    With a transfer to bring to its end it moves time whenever all is quiet; without one it moves
    it for what is late alone.
    """

    def __init__(self, platform: Platform, sky: Sky, sender: WeatherSender) -> None:
        self._platform = platform
        self._sky = sky
        self._sender = sender
        self._gate: Gate = sender.gate
        self._again: list[Again] = []
        self._open = asyncio.Event()
        self._transfer: str | None = None
        self._patience = 0.0
        self.finished = asyncio.Event()
        self.threw: list[Thrown] = []

    def shut(self) -> None:
        """A new run: nothing goes until :meth:`open`."""
        self._open.clear()
        self.finished.clear()
        self._again.clear()
        self.threw = []

    def open(self, transfer_id: str | None = None, *, patience: float = 0.0) -> None:
        """Let deliveries go, until that transfer has come to its end, if one is given.

        An app that runs by itself may answer first and do its work then: time stands still until
        it has acknowledged what it took, or has called nothing for ``patience`` real seconds.
        """
        self._transfer = transfer_id
        self._patience = patience
        self._open.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Conduct until told to stop."""
        while not stop.is_set():
            if not self._open.is_set() or not await self._step():
                self._gate.changed.clear()
                await passed(self._gate.changed, _LOOK_SECONDS)

    async def _step(self) -> bool:
        """Do the next thing; False if it is not known yet what that is."""
        if self.finished.is_set() or not await self._all_here():
            return False
        waiting = sorted(self._gate.waiting, key=lambda each: each.delivery.message.created_at)
        if waiting:
            callers = [self._caller(each.delivery) for each in waiting]
            indexes, late = turn(callers)
            if late:
                self._sky.disturb(f"{_LATE} pass")
                await self._move(_LATE)
            await self._deliver([(waiting[i], callers[i]) for i in indexes])
            return True
        return await self._repeat() or await self._go_on()

    async def _repeat(self) -> bool:
        """Deliver again what was to come when its transfer is over; False if nothing is."""
        for again in self._again:
            if await self._is_over(str(again.delivery.message.transfer_id)):
                self._again.remove(again)
                self._sky.disturb(f"event {again.name} comes again, the transfer is over")
                await self._make(again.delivery, self._sky.copy(again.name), ghost=True)
                return True
        return False

    async def _go_on(self) -> bool:
        """All is quiet: the run is at its end, or time is moved to what comes next."""
        if self._transfer is None or await self._at_work(self._transfer):
            return False
        async with self._platform.database.transaction() as tx:
            timer, owed = await queue.seconds_to_next(tx), await delivery.seconds_to_next(tx)
        if owed is None and await self._is_over(self._transfer):
            self.finished.set()
            return False
        wait = min((seconds for seconds in (timer, owed) if seconds is not None), default=None)
        if wait is None:
            return False
        await self._move(timedelta(seconds=max(wait, 0.0)) + _GRAIN)
        return True

    async def _at_work(self, transfer_id: str) -> bool:
        """Whether an app that runs by itself may be in the middle of something."""
        quiet = asyncio.get_running_loop().time() - self._sky.stirred_at
        if quiet < min(self._patience, _QUIET_SECONDS):
            return True
        return quiet < self._patience and await self._is_awaited(transfer_id)

    async def _is_awaited(self, transfer_id: str) -> bool:
        """Whether the app took app data that it has not acknowledged."""
        if await self._is_over(transfer_id):
            return False
        views = await message.page(self._platform, transfer_id, cursor=None, size=_MOST_MESSAGES)
        return any(
            view.state is MessageState.DELIVERED and view.acknowledgement is None
            for view in views.items
            if view.key is not None
        )

    async def _is_over(self, transfer_id: str) -> bool:
        return (await transfer.view(self._platform, transfer_id)).status.final

    async def _all_here(self) -> bool:
        """Whether all that is due waits at the gate, and no timer is at work."""
        async with self._platform.database.transaction() as tx:
            owed = await delivery.seconds_to_next(tx)
            if (owed is not None and owed <= 0) or await queue.work_due(tx):
                return False
            return await delivery.in_flight(tx) == len(self._gate.waiting)

    async def _move(self, step: timedelta) -> None:
        async with self._platform.database.transaction() as tx:
            await clock.advance(tx, step)

    def _caller(self, delivery: Delivery) -> Caller:
        name = EVENT_NAMES[delivery.message.lane.event_type]
        return self._sky.caller(delivery, name)

    async def _deliver(self, group: Sequence[tuple[Waiting, Caller]]) -> None:
        """Make deliveries that go together, each as often as its weather says."""
        copies: list[tuple[Waiting | None, Delivery, Copy]] = []
        for waiting, caller in group:
            name = f"{caller.name}:{caller.number}"
            copies.append((waiting, waiting.delivery, self._sky.copy(name)))
            if "at-once" in caller.hows:
                copies.append((None, waiting.delivery, self._sky.copy(name)))
            if "after-all" in caller.hows:
                self._again.append(Again(waiting.delivery, name))
        lockstep = Lockstep({copy.number for _, _, copy in copies})
        for waiting_, delivery_, copy in copies:
            copy.lockstep = lockstep
            self._tell(copy.name, delivery_, alone=len(copies) == 1, ghost=waiting_ is None)
        outcomes = await asyncio.gather(
            *(self._make(what, copy, ghost=waiting is None) for waiting, what, copy in copies)
        )
        for (waiting_, _, _), outcome in zip(copies, outcomes, strict=True):
            if waiting_ is not None and not waiting_.done.done():
                self._gate.waiting.remove(waiting_)
                waiting_.done.set_result(outcome)
        for waiting, caller in group:
            if "twice" in caller.hows:
                name = f"{caller.name}:{caller.number}"
                self._sky.disturb(f"event {name} comes a second time")
                await self._make(waiting.delivery, self._sky.copy(name), ghost=True)

    def _tell(self, name: str, delivery: Delivery, *, alone: bool, ghost: bool) -> None:
        text = f"event {name}, attempt {delivery.message.number}"
        if alone:
            self._sky.tell(text)
        else:
            more = ", a second copy" if ghost else ""
            self._sky.disturb(f"{text}{more}, at the same time as another")

    async def _make(self, delivery: Delivery, copy: Copy, *, ghost: bool) -> ByRoute:
        """One delivery; a ghost is one that the platform knows nothing of."""
        done = ghost and await self._is_done(delivery)
        self._sky.forget_unclaimed()

        async def really() -> ByRoute:
            COPY.set(copy)
            return await self._sender.really(delivery)

        try:
            by_route = await asyncio.create_task(really())
        finally:
            if copy.lockstep is not None:
                copy.lockstep.left(copy.number)
        self._sky.stir()
        for _, outcome in by_route:
            self._note(copy, outcome, done=done)
        return by_route

    async def _is_done(self, delivery: Delivery) -> bool:
        """Whether the app has acknowledged it, or the transfer is over."""
        view = await message.view(self._platform, str(delivery.message.message_id))
        return view.acknowledgement is not None or await self._is_over(view.transfer_id)

    def _note(self, copy: Copy, outcome: Outcome, *, done: bool) -> None:
        for line in outcome.output.splitlines()[:20]:
            self._sky.tell(f"  | {line}")
        if outcome.ok:
            return
        error = (outcome.error or "").strip()
        self._sky.tell("  failed: " + error[-_ERROR_CHARACTERS:].replace("\n", "\n    "))
        unclaimed = self._sky.unclaimed
        if done and not copy.disturbed and not unclaimed.disturbed:
            what = f"{outcome.reason} (at event {copy.name}, which was done with)"
            self.threw.append(Thrown(what, copy.refusal or unclaimed.refusal))
