"""Deliveries in bad weather: each waits for its turn, and may go more than once or be killed."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from ferryman.delivery.sender import Sender
from ferryman.domain.outcome import Outcome, failed
from ferryman.functions.pool import TOKEN_VARIABLE, FunctionCall, FunctionPool
from ferryman.functions.routes import Route
from ferryman.services.delivery import Delivery
from ferryman.vocab import FailureCause
from ferryman.weather.sky import COPY

MARK = "~"
"""Between a token and the number of the copy that it was given to; no token has it."""

ByRoute = tuple[tuple[Route, Outcome], ...]
Send = Callable[[Delivery], Awaitable[ByRoute]]


@dataclass(eq=False)
class Waiting:
    """A delivery that the worker would make now; ``done`` is what came of it."""

    delivery: Delivery
    done: "asyncio.Future[ByRoute]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Gate:
    """Where deliveries wait until the conductor lets them go."""

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self.changed = asyncio.Event()

    async def enter(self, delivery: Delivery) -> ByRoute:
        """Wait for the turn of a delivery and for what comes of it."""
        mine = Waiting(delivery)
        self.waiting.append(mine)
        self.changed.set()
        try:
            return await mine.done
        finally:
            if mine in self.waiting:
                self.waiting.remove(mine)
            self.changed.set()


class WeatherSender(Sender):
    """A sender whose deliveries are made by the conductor, when and as often as it likes."""

    gate: Gate

    async def send(
        self,
        delivery: Delivery,
        until: float = math.inf,  # noqa: ARG002 - nobody else is there to take it over
    ) -> ByRoute:
        """Leave it to the conductor."""
        return await self.gate.enter(delivery)

    async def really(self, delivery: Delivery) -> ByRoute:
        """Make it."""
        return await super().send(delivery)


class WeatherPool(FunctionPool):
    """A pool that tells calls of functions apart by their token, and ends one when asked to."""

    async def run(self, call: FunctionCall) -> Outcome:
        """Run the function; one that was killed by the weather has run into its limit."""
        copy = COPY.get()
        if copy is None:
            return await super().run(call)
        token = call.environment[TOKEN_VARIABLE] + f"{MARK}{copy.number}"
        call = replace(call, environment={**call.environment, TOKEN_VARIABLE: token})
        task = asyncio.create_task(super().run(call))
        copy.tasks.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if not copy.killed:
                raise
            text = f"The function had not finished after {call.timeout:g} s; killed by the weather."
            cause = FailureCause.FUNCTION_TIMED_OUT
            return failed("during", cause, text, duration=call.timeout)
        finally:
            copy.tasks.discard(task)
