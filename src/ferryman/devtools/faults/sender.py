"""Deliveries with injected faults: each waits for its turn and may be repeated or killed."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from ferryman.delivery.sender import Sender
from ferryman.devtools.faults.run import CURRENT_RUN
from ferryman.domain.outcome import Outcome, failed
from ferryman.functions.call import TOKEN_VARIABLE, FunctionCall
from ferryman.functions.pool import FunctionPool
from ferryman.functions.routes import Route
from ferryman.services.delivery import Delivery
from ferryman.vocab import FailureCause

MARK = "~"
"""Separates a token from the number of its copy; no token contains it."""

ByRoute = tuple[tuple[Route, Outcome], ...]
Send = Callable[[Delivery], Awaitable[ByRoute]]


@dataclass(eq=False)
class PendingDelivery:
    """A delivery that the worker would make now; ``done`` is its outcome."""

    delivery: Delivery
    done: "asyncio.Future[ByRoute]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Gate:
    """A gate where deliveries wait until the scheduler releases them."""

    def __init__(self) -> None:
        self.waiting: list[PendingDelivery] = []
        self.changed = asyncio.Event()

    async def enter(self, delivery: Delivery) -> ByRoute:
        """Wait for a delivery's turn, and return its outcome."""
        mine = PendingDelivery(delivery)
        self.waiting.append(mine)
        self.changed.set()
        try:
            return await mine.done
        finally:
            if mine in self.waiting:
                self.waiting.remove(mine)
            self.changed.set()


class FaultSender(Sender):
    """A sender that leaves to the scheduler when and how often to deliver."""

    gate: Gate

    async def send(
        self,
        delivery: Delivery,
        until: float = math.inf,  # noqa: ARG002 - nobody else is there to take it over
        begun: Callable[[], None] = lambda: None,
    ) -> ByRoute:
        """Wait until the scheduler has made the delivery."""
        begun()
        return await self.gate.enter(delivery)

    async def deliver(self, delivery: Delivery) -> ByRoute:
        """Make it."""
        return await super().send(delivery)


class FaultPool(FunctionPool):
    """A pool that tells function calls apart by their token, and can kill one."""

    async def run(self, call: FunctionCall) -> Outcome:
        """Run the function; one that a fault killed counts as timed out."""
        copy = CURRENT_RUN.get()
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
            text = f"The function had not finished after {call.timeout:g} s; killed by a fault."
            cause = FailureCause.FUNCTION_TIMED_OUT
            return failed("during", cause, text, duration=call.timeout)
        finally:
            copy.tasks.discard(task)
