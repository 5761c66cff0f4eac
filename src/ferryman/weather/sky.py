"""What is known of the run in progress: the script, what happened so far, and what may follow."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from ferryman.domain.weather import ANY, Caller, Script, Step, hits
from ferryman.domain.weather_verdict import Refusal
from ferryman.services.delivery import Delivery
from ferryman.weather.lockstep import Lockstep

_LINES = 400


@dataclass(eq=False)
class Copy:
    """One delivery of an event under way; a function's calls name it by their token.

    ``refusal`` is that of its last call, None if that one succeeded.
    """

    number: int
    name: str
    lockstep: Lockstep | None = None
    tasks: set["asyncio.Task[object]"] = field(default_factory=set)
    killed: bool = False
    disturbed: bool = False
    refusal: Refusal | None = None

    def kill(self) -> None:
        """End the process of the function, as at its time limit."""
        self.killed = True
        for task in self.tasks:
            task.cancel()


COPY: ContextVar[Copy | None] = ContextVar("weather_copy", default=None)


class Sky:
    """The weather of one transfer after the other; counts begin anew with each."""

    def __init__(
        self, script: Script = (), seed: int | str = 0, say: Callable[[str], None] | None = None
    ) -> None:
        self._say = say
        self.stirred_at = 0.0
        self._transfers: set[UUID] = set()
        self.begin(script, seed)

    def begin(self, script: Script, seed: int | str) -> None:
        """A new run."""
        self.script = script
        self.struck: list[Step] = []
        self.counts: Counter[str] = Counter()
        self.refused: list[Refusal] = []
        self.forget_unclaimed()
        self.lines: list[str] = []
        self.copies: dict[int, Copy] = {}
        self._random = Random(seed)  # noqa: S311 - chooses which calls of an app under test fail
        self._seed = seed
        self._names: dict[UUID, Caller] = {}
        self._last = 0
        self._begun = False

    def caller(self, delivery: Delivery, name: str) -> Caller:
        """The event's place among those of its name, and how it is disturbed."""
        message = delivery.message
        if message.transfer_id not in self._transfers:
            self._transfers.add(message.transfer_id)
            if self._begun:  # `ferryman dev` has one transfer after another
                self.begin(self.script, self._seed)
        self._begun = True
        known = self._names.get(message.message_id)
        if known is None:
            self.counts[name] += 1
            number = self.counts[name]
            found = hits(self.script, name, number, draw=self._random.random())
            self.struck += found
            hows = tuple(step.how for step in found)
            known = self._names[message.message_id] = Caller(name, number, hows)
        return known if message.number == 1 else Caller(known.name, known.number)

    def copy(self, name: str) -> Copy:
        """One more delivery is under way."""
        self._last += 1
        self.copies[self._last] = made = Copy(self._last, name)
        return made

    def called(self, name: str, copy: Copy | None) -> list[str]:
        """A call of the app has come: how it is disturbed."""
        self.counts[name] += 1
        self.counts[ANY] += 1
        self.stir()
        found = hits(
            self.script,
            name,
            self.counts[name],
            total=self.counts[ANY],
            draw=self._random.random(),
        )
        if found:
            (copy or self.unclaimed).disturbed = True
        self.struck += found
        return [step.how for step in found]

    def forget_unclaimed(self) -> None:
        """A delivery begins: calls that name none are taken for its own from here on.

        They are those of an app that runs by itself, and those of signed URLs.
        """
        self.unclaimed = Copy(0, "")

    def answered(self, copy: Copy | None, refusal: Refusal | None) -> None:
        """The platform itself has answered a call of the app, by that refusal if there is one."""
        (copy or self.unclaimed).refusal = refusal
        if refusal is not None:
            self.refused.append(refusal)
            self.tell(f"    refused: {refusal}")

    def stir(self) -> None:
        """The app does something, or was just asked to."""
        self.stirred_at = asyncio.get_running_loop().time()

    def disturb(self, text: str) -> None:
        """A line of the timeline that is about the weather."""
        self.tell(text)
        if self._say is not None:
            self._say(text.strip())

    def tell(self, text: str) -> None:
        """A line of the timeline."""
        if len(self.lines) < _LINES:
            self.lines.append(text)
        elif len(self.lines) == _LINES:
            self.lines.append("…")
