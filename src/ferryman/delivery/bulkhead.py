"""A bulkhead around messages in flight, so that slow or hanging apps do not block the others.

Each lane is in a compartment by how its app answered this worker so far:

    NEW ──an answer──▶ GOOD ◀──5 in time── SLOW ◀──an answer── HUNG
     └────────────── took long ─────────────▶┘    no answer ────▶┘

New and good lanes share one compartment. New lanes may fill half of it, so that many hanging apps
are detected without making good ones wait. A slow call moves to the other compartment, which is as
large. Lanes that hung before may fill half of that one, with one message each.

A lane leaves the slow ones after five answers in time, none of them slow: one that hangs only now
and then would otherwise take a place of good ones each time, for as long as a call may take.
"""

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from ferryman.store.delivery import Lane
from ferryman.store.queue import QueueLane

AnyLane = Lane | QueueLane

SLOW_SECONDS = 1.0
"""How long a call may take before it gives its place to another."""


ANSWERS_IN_TIME = 5
"""How many answers in time, one after another, make a slow lane a good one again."""


class LaneHealth(Enum):
    """History of the answers of a lane's app."""

    NEW = "new"
    GOOD = "good"
    SLOW = "slow"
    HUNG = "hung"


@dataclass(frozen=True, slots=True)
class BulkheadLimits:
    """The size of a compartment; the most for one app; the most for a new lane.

    New lanes wait while ``slow_while_new`` slow calls run.
    """

    places: int
    share: int
    of_new: int
    slow_while_new: int

    @property
    def half(self) -> int:
        """Half of the places, but one at least."""
        return max(1, self.places // 2)


@dataclass(slots=True, eq=False)
class DeliveryCall:
    """One message in flight, and its compartment.

    ``waits``: its function is not called yet; ``cold``: a host starts for it.
    """

    lane: AnyLane
    compartment: LaneHealth
    calls: bool
    waits: bool = False
    cold: bool = False
    slow: bool = False

    @property
    def quick(self) -> bool:
        """Return whether it is a function that is expected to return soon."""
        return self.calls and self.compartment in (LaneHealth.NEW, LaneHealth.GOOD)


class Bulkhead:
    """Counts the messages in flight to functions, or those to addresses."""

    def __init__(self, limits: BulkheadLimits) -> None:
        self._limits = limits
        self._health: dict[AnyLane, LaneHealth] = {}
        self._in_time: Counter[AnyLane] = Counter()  # of slow and hung lanes
        self._counts: Counter[LaneHealth] = Counter()
        self._in_lane: Counter[AnyLane] = Counter()
        self.in_flight: Counter[UUID] = Counter()
        """Messages in flight by app, the slow ones too."""

    def health(self, lane: AnyLane) -> LaneHealth:
        """Return how a lane's app answered so far."""
        return self._health.get(lane, LaneHealth.NEW)

    def available(self, lane: AnyLane, ahead: int = 0) -> int:
        """Return how many messages of a lane may be sent now; may be negative.

        If the lane answers in time, ``ahead`` more of its messages may wait for a place.
        """
        limits, counts, health = self._limits, self._counts, self.health(lane)
        of_app = limits.share - self.in_flight[lane.app_id]
        slow = counts[LaneHealth.SLOW] + counts[LaneHealth.HUNG]
        quick = counts[LaneHealth.NEW] + counts[LaneHealth.GOOD]
        match health:
            case LaneHealth.GOOD:
                return min(of_app, limits.places + ahead - quick)
            case LaneHealth.SLOW:
                return min(of_app, limits.places - slow)
            case LaneHealth.HUNG:
                of_lane = 1 - self._in_lane[lane]
                return min(of_app, of_lane, limits.places - slow, limits.half - counts[health])
            case LaneHealth.NEW if slow >= limits.slow_while_new:
                return 0
        of_lane = limits.of_new - self._in_lane[lane]
        return min(of_app, of_lane, limits.places - quick, limits.half - counts[health])

    def add(self, lane: AnyLane, compartment: LaneHealth, count: int = 1) -> None:
        """Count messages of a lane in a compartment; a negative number subtracts."""
        _change(self._counts, compartment, count)
        _change(self._in_lane, lane, count)
        _change(self.in_flight, lane.app_id, count)

    def slowed(self, call: DeliveryCall) -> None:
        """Move a slow call to the slow compartment, and its lane too if it was good."""
        call.slow = True
        if call.compartment is LaneHealth.HUNG:
            return
        self.add(call.lane, call.compartment, -1)
        call.compartment = LaneHealth.SLOW
        self.add(call.lane, call.compartment)
        self._in_time.pop(call.lane, None)
        if self.health(call.lane) is LaneHealth.GOOD:
            self._health[call.lane] = LaneHealth.SLOW

    def remove(self, call: DeliveryCall, *, hung: bool | None) -> None:
        """Stop counting a call, and note how it ended; None: it was not sent."""
        self.add(call.lane, call.compartment, -1)
        if hung is not None:
            self._health[call.lane] = self._next_health(call, hung=hung)

    def _next_health(self, call: DeliveryCall, *, hung: bool) -> LaneHealth:
        lane = call.lane
        if hung or call.slow:
            self._in_time.pop(lane, None)
            return LaneHealth.HUNG if hung else LaneHealth.SLOW
        if self.health(lane) in (LaneHealth.NEW, LaneHealth.GOOD):
            return LaneHealth.GOOD
        self._in_time[lane] += 1
        if self._in_time[lane] < ANSWERS_IN_TIME:
            return LaneHealth.SLOW
        del self._in_time[lane]
        return LaneHealth.GOOD


def _change(counter: Counter[Any], key: object, count: int) -> None:
    counter[key] += count
    if not counter[key]:
        del counter[key]
