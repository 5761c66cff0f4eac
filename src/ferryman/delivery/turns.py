"""Whose messages a worker takes next, and how many: fair between apps, without any IO.

Messages wait in lanes, one for each app and event. Lanes with something due take turns. Of each
app only a window is in flight, so however slow or busy it is, it keeps nobody waiting. Calls of
functions need a place each; of those an app gets a share.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ferryman.domain.limits import APP_WINDOW
from ferryman.store.delivery import Lane

_STREAK = 32
"""Calls that a warm function takes before others, in a row."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """In one worker: messages in flight, places for functions, and an app's share of those."""

    at_once: int
    places: int
    share: int


class Turns:
    """What is due, and what is in flight."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._due: dict[Lane, None] = {}  # in the order in which they take their turn
        self._in_flight: Counter[UUID] = Counter()
        self._in_lane: Counter[Lane] = Counter()
        self._calling: Counter[UUID] = Counter()
        self._streak: Counter[UUID] = Counter()
        self._closed: frozenset[Lane] = frozenset()
        self._probed: frozenset[Lane] = frozenset()

    def heed(self, closed: Collection[Lane], probed: Collection[Lane]) -> None:
        """Leave the closed lanes alone, and send the probed ones one message at a time."""
        self._closed, self._probed = frozenset(closed), frozenset(probed)

    def due(self, lane: Lane) -> None:
        """The lane holds something to send, as far as is known."""
        self._due[lane] = None

    @property
    def apps(self) -> set[UUID]:
        """The apps of which something is due."""
        return {lane.app_id for lane in self._due}

    def take(self, calls: Callable[[Lane], bool], warm: Collection[UUID] = ()) -> dict[Lane, int]:
        """So many messages may be claimed of these lanes; they are due no more until told so.

        ``calls`` says whether a lane leads to a function. ``warm`` are apps whose function could
        be called without being started first; starting one costs more than most calls, so they
        go on for a while before others take their turn.
        """
        self._streak = Counter({app_id: self._streak[app_id] for app_id in warm})
        left = self._bounds.at_once - self._in_flight.total()
        places = self._bounds.places - self._calling.total()
        rooms: dict[Lane, int] = {}
        given: Counter[UUID] = Counter()
        calling = self._calling.copy()
        for lane in self._order(warm):
            if lane in self._closed:
                continue  # a notification may have said that it is due
            app_id = lane.app_id
            room = min(left, APP_WINDOW - self._in_flight[app_id] - given[app_id])
            if lane in self._probed:
                room = min(room, 1 - self._in_lane[lane])
            if function := calls(lane):
                room = min(room, self._bounds.share - calling[app_id], places)
            if room > 0:
                rooms[lane] = room
                given[app_id] += room
                left -= room
                if function:
                    calling[app_id] += room
                    places -= room
        for lane in rooms:
            del self._due[lane]
        return rooms

    def claimed(self, rooms: Mapping[Lane, int], taken: Mapping[Lane, int]) -> None:
        """So many were found; a lane that filled its room probably holds more."""
        for lane, room in rooms.items():
            if taken.get(lane, 0) >= room:
                self.due(lane)

    def began(self, lane: Lane, *, calls: bool, warm: bool) -> None:
        """One of them is being sent."""
        self._in_flight[lane.app_id] += 1
        self._in_lane[lane] += 1
        if calls:
            self._calling[lane.app_id] += 1
            self._streak[lane.app_id] = self._streak[lane.app_id] + 1 if warm else 1

    def ended(self, lane: Lane, *, calls: bool) -> None:
        """It is sent, or has failed."""
        _less(self._in_flight, lane.app_id)
        _less(self._in_lane, lane)
        if calls:
            _less(self._calling, lane.app_id)

    def _order(self, warm: Collection[UUID]) -> list[Lane]:
        ahead = {
            lane: None
            for lane in self._due
            if lane.app_id in warm and self._streak[lane.app_id] < _STREAK
        }
        return [*ahead, *(lane for lane in self._due if lane not in ahead)]


def _less(counter: Counter[Any], key: object) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
