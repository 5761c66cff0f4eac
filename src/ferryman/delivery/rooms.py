"""The rooms that messages in flight take up: what is slow or hangs holds up nothing else.

A lane stands for how its app answered this worker so far:

    NEW ──an answer──▶ GOOD ◀──in time── SLOW ◀──an answer── HUNG
     └───────────── took long ────────────▶┘    no answer ────▶┘

New and good lanes share a room, in which new ones get half at most: of many apps that all hang,
each is found out without the good ones waiting. A call that takes long leaves that room. The room
of slow calls is as large, and what hung before gets half of it at most, one message a lane.
"""

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from ferryman.store.delivery import Lane

SLOW_SECONDS = 1.0
"""How long a call may take before it gives its place to another."""


class Standing(Enum):
    """How a lane's app answered so far."""

    NEW = "new"
    GOOD = "good"
    SLOW = "slow"
    HUNG = "hung"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The size of a room; the most for one app; the most for a new lane.

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
class Call:
    """One message in flight, and the room it is in.

    ``waits``: its function is not called yet; ``cold``: a host starts for it.
    """

    lane: Lane
    room: Standing
    calls: bool
    waits: bool = False
    cold: bool = False
    slow: bool = False


class Rooms:
    """Counts the messages in flight to functions, or those to addresses."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._standing: dict[Lane, Standing] = {}
        self._counts: Counter[Standing] = Counter()
        self._in_lane: Counter[Lane] = Counter()
        self.in_flight: Counter[UUID] = Counter()
        """Messages in flight by app, the slow ones too."""

    def standing(self, lane: Lane) -> Standing:
        """Return how a lane's app answered so far."""
        return self._standing.get(lane, Standing.NEW)

    def left(self, lane: Lane) -> int:
        """Return how many messages of a lane may be sent now; may be negative."""
        bounds, counts, standing = self._bounds, self._counts, self.standing(lane)
        of_app = bounds.share - self.in_flight[lane.app_id]
        slow = counts[Standing.SLOW] + counts[Standing.HUNG]
        quick = counts[Standing.NEW] + counts[Standing.GOOD]
        match standing:
            case Standing.GOOD:
                return min(of_app, bounds.places - quick)
            case Standing.SLOW:
                return min(of_app, bounds.places - slow)
            case Standing.HUNG:
                of_lane = 1 - self._in_lane[lane]
                return min(of_app, of_lane, bounds.places - slow, bounds.half - counts[standing])
            case Standing.NEW if slow >= bounds.slow_while_new:
                return 0
        of_lane = bounds.of_new - self._in_lane[lane]
        return min(of_app, of_lane, bounds.places - quick, bounds.half - counts[standing])

    def add(self, lane: Lane, room: Standing, count: int = 1) -> None:
        """Count messages of a lane in a room; a negative number takes them away."""
        _change(self._counts, room, count)
        _change(self._in_lane, lane, count)
        _change(self.in_flight, lane.app_id, count)

    def slowed(self, call: Call) -> None:
        """Move a call that takes long to the room of those, and its lane with it if it was good."""
        call.slow = True
        if call.room is Standing.HUNG:
            return
        self.add(call.lane, call.room, -1)
        call.room = Standing.SLOW
        self.add(call.lane, call.room)
        if self.standing(call.lane) is Standing.GOOD:
            self._standing[call.lane] = Standing.SLOW

    def leave(self, call: Call, *, hung: bool | None) -> None:
        """Stop counting a call, and note how it ended; None: it was not sent."""
        self.add(call.lane, call.room, -1)
        if hung is not None:
            slow = Standing.SLOW if call.slow else Standing.GOOD
            self._standing[call.lane] = Standing.HUNG if hung else slow


def _change(counter: Counter[Any], key: object, count: int) -> None:
    counter[key] += count
    if not counter[key]:
        del counter[key]
