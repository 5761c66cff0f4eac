"""The state of the run in progress: its plan, what happened, and what may follow."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from ferryman.devtools.faults.barrier import Barrier
from ferryman.domain.fault_oracle import AppRefusal
from ferryman.domain.fault_order import Caller
from ferryman.domain.fault_plan import ANY, Fault, FaultPlan, hits
from ferryman.services.delivery import Delivery

_LINES = 400


@dataclass(eq=False)
class DeliveryRun:
    """A delivery in progress; the token of a function's calls identifies it.

    ``refusal`` belongs to its last call; it is None if that call succeeded.
    """

    number: int
    name: str
    barrier: Barrier | None = None
    tasks: set["asyncio.Task[object]"] = field(default_factory=set)
    killed: bool = False
    disturbed: bool = False
    refusal: AppRefusal | None = None

    def kill(self) -> None:
        """End the process of the function, as at its time limit."""
        self.killed = True
        for task in self.tasks:
            task.cancel()


CURRENT_RUN: ContextVar[DeliveryRun | None] = ContextVar("delivery_run", default=None)


class FaultRun:
    """The faults of one transfer after another; each transfer starts new counts."""

    def __init__(
        self, plan: FaultPlan = (), seed: int | str = 0, say: Callable[[str], None] | None = None
    ) -> None:
        self._say = say
        self.touched_at = 0.0
        self._transfers: set[UUID] = set()
        self.begin(plan, seed)

    def begin(self, plan: FaultPlan, seed: int | str) -> None:
        """Begin a new run."""
        self.plan = plan
        self.struck: list[Fault] = []
        self.counts: Counter[str] = Counter()
        self.refused: list[AppRefusal] = []
        self.forget_unclaimed()
        self.lines: list[str] = []
        self.copies: dict[int, DeliveryRun] = {}
        self._random = Random(seed)  # noqa: S311 - chooses which calls of an app under test fail
        self._seed = seed
        self._names: dict[UUID, Caller] = {}
        self._last = 0
        self._begun = False

    def caller(self, delivery: Delivery, name: str) -> Caller:
        """Return the event's number among those of its name, and its faults."""
        message = delivery.message
        if message.transfer_id not in self._transfers:
            self._transfers.add(message.transfer_id)
            if self._begun:  # `ferryman dev` has one transfer after another
                self.begin(self.plan, self._seed)
        self._begun = True
        known = self._names.get(message.message_id)
        if known is None:
            self.counts[name] += 1
            number = self.counts[name]
            faults = hits(self.plan, name, number, draw=self._random.random())
            self.struck += faults
            kinds = tuple(step.how for step in faults)
            known = self._names[message.message_id] = Caller(name, number, kinds)
        return known if message.number == 1 else Caller(known.name, known.number)

    def copy(self, name: str) -> DeliveryRun:
        """Add a delivery in progress, and return it."""
        self._last += 1
        self.copies[self._last] = made = DeliveryRun(self._last, name)
        return made

    def called(self, name: str, copy: DeliveryRun | None) -> list[str]:
        """Count a call of the app, and return the faults to inject into it."""
        self.counts[name] += 1
        self.counts[ANY] += 1
        self.touch()
        faults = hits(
            self.plan,
            name,
            self.counts[name],
            total=self.counts[ANY],
            draw=self._random.random(),
        )
        if faults:
            (copy or self.unclaimed).disturbed = True
        self.struck += faults
        return [step.how for step in faults]

    def forget_unclaimed(self) -> None:
        """Start attributing calls without a delivery to a new one.

        Those are calls of an app outside the worker, and requests to signed URLs.
        """
        self.unclaimed = DeliveryRun(0, "")

    def answered(self, copy: DeliveryRun | None, refusal: AppRefusal | None) -> None:
        """Record the platform's answer to a call of the app: a refusal, or None for success."""
        (copy or self.unclaimed).refusal = refusal
        if refusal is not None:
            self.refused.append(refusal)
            self.record(f"    refused: {refusal}")

    def touch(self) -> None:
        """Note that the app is active, or was just called."""
        self.touched_at = asyncio.get_running_loop().time()

    def record_fault(self, text: str) -> None:
        """Record a fault in the timeline."""
        self.record(text)
        if self._say is not None:
            self._say(text.strip())

    def record(self, text: str) -> None:
        """Record a line of the timeline."""
        if len(self.lines) < _LINES:
            self.lines.append(text)
        elif len(self.lines) == _LINES:
            self.lines.append("…")
