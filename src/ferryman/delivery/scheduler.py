"""Choose which messages a worker claims next: round-robin with bounds, without any IO.

Messages wait in lanes, one per app and event. Lanes with due messages take turns. Each app may
have only so many messages in flight, and ``bulkhead.py`` keeps slow or hanging calls from blocking
the others. A function runs in a host process; a lane whose app has an idle one
goes ahead for a while, because starting one costs more than most calls.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from ferryman.delivery.bulkhead import Bulkhead, BulkheadLimits, DeliveryCall
from ferryman.domain.limits import APP_WINDOW
from ferryman.ids import jitter
from ferryman.store.delivery import Lane
from ferryman.store.queue import QueueLane

L = TypeVar("L", bound=Lane | QueueLane)

_STREAK = 32
"""Calls in a row that a host may take before it gives way to another app's."""

_NEW_WINDOW = 4
"""Messages in flight to an address that has not answered this worker yet."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """Limits of one worker.

    ``at_once`` bounds the messages in flight to addresses, ``places`` the calls of functions, and
    ``share`` those of one app; none of them counts slow calls. ``hosts`` bounds the processes,
    ``starts`` those that start at once, and ``of_new`` the calls of a function that has not
    returned here yet. ``ahead`` more calls of idle hosts are claimed and wait for a place, so that
    no place stays free during a claim.
    """

    at_once: int
    places: int
    share: int
    starts: int
    hosts: int
    of_new: int = 1
    ahead: int = 0


def own_order(worker_id: UUID, lanes: Iterable[L]) -> list[L]:
    """Return lanes in an order that differs from worker to worker.

    So workers that find the same backlog start the hosts of different apps, not all of each.
    """
    return sorted(lanes, key=lambda lane: jitter(str(worker_id), str(lane.app_id)))


class FairScheduler(Generic[L]):
    """Keeps track of the lanes with due messages and of the messages in flight."""

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas
        self._due: dict[L, None] = {}  # an ordered set: lanes in the order of their turns
        at_once, half = quotas.at_once, max(1, quotas.hosts // 2)
        self._bulkheads = {
            True: Bulkhead(BulkheadLimits(quotas.places, quotas.share, quotas.of_new, half)),
            False: Bulkhead(BulkheadLimits(at_once, APP_WINDOW, _NEW_WINDOW, at_once)),
        }
        self._in_lane: Counter[L] = Counter()
        self._starting = 0
        self._waiting: Counter[UUID] = Counter()
        self._streak: Counter[UUID] = Counter()
        self._closed: frozenset[L] = frozenset()
        self._probed: frozenset[L] = frozenset()
        self._unfit: set[L] = set()

    def update_breakers(self, closed: Collection[L], probed: Collection[L]) -> None:
        """Send nothing from closed lanes, and one message at a time from probed ones."""
        self._closed, self._probed = frozenset(closed), frozenset(probed)

    def add(self, lane: L) -> None:
        """Add a lane that may have due messages."""
        self._due[lane] = None

    @property
    def apps(self) -> set[UUID]:
        """The apps with due messages."""
        return {lane.app_id for lane in self._due}

    @property
    def lanes(self) -> list[L]:
        """The lanes that may have due messages."""
        return list(self._due)

    @property
    def kept(self) -> set[UUID]:
        """The apps whose idle hosts should not end for another app's."""
        return {app_id for app_id in self.apps if self._streak[app_id] < _STREAK}

    def take(
        self,
        calls: Callable[[L], bool | None],
        idle: Mapping[UUID, int] | None = None,
        resting: Collection[str] = (),
    ) -> dict[L, int]:
        """Return how many messages to claim per lane, and remove these lanes from the due ones.

        ``calls`` says whether a lane leads to a function; None is "not known yet", and the lane
        waits. ``idle`` are the numbers of idle hosts by app; for ``resting`` apps none starts.
        """
        self._unfit = {lane for lane in self._unfit if str(lane.app_id) in resting}
        idle = idle or {}
        live = self._bulkheads[True].in_flight
        self._streak = Counter({app_id: self._streak[app_id] for app_id in {*idle, *live}})
        hosts = _Hosts(self._quotas, self._starting, live, self._waiting, idle, self.kept, resting)
        quotas: dict[L, int] = {}
        given: list[tuple[Bulkhead, L, int]] = []
        for lane, function in self._order(calls, hosts):
            bulkhead = self._bulkheads[function]
            waiting = function and hosts.idle(lane.app_id)
            count = bulkhead.available(lane, self._quotas.ahead if waiting else 0)
            if lane in self._probed:
                count = min(count, 1 - self._in_lane[lane])
            if function:
                count = 0 if lane in self._unfit else hosts.take(lane.app_id, count)
            if count > 0:
                quotas[lane] = count
                bulkhead.add(lane, bulkhead.health(lane), count)
                given.append((bulkhead, lane, count))
        for bulkhead, lane, count in given:  # until they are claimed
            bulkhead.add(lane, bulkhead.health(lane), -count)
        for lane in quotas:
            del self._due[lane]
        return quotas

    def claimed(self, quotas: Mapping[L, int], taken: Mapping[L, int]) -> None:
        """Add lanes again that yielded as many messages as asked for: they probably hold more."""
        for lane, quota in quotas.items():
            if taken.get(lane, 0) >= quota:
                self.add(lane)

    def started(self, lane: L, *, calls: bool, warm: bool) -> DeliveryCall:
        """Count a message that is being sent; ``warm``: an idle host takes it."""
        bulkhead = self._bulkheads[calls]
        call = DeliveryCall(
            lane, bulkhead.health(lane), calls, waits=calls, cold=calls and not warm
        )
        bulkhead.add(lane, call.compartment)
        self._in_lane[lane] += 1
        if calls:
            self._waiting[lane.app_id] += 1
            self._starting += call.cold
            self._streak[lane.app_id] = self._streak[lane.app_id] + 1 if warm else 1
        return call

    def unfit(self, lane: L) -> None:
        """Note that the idle hosts of a resting app are not of the lane's functions."""
        self._unfit.add(lane)

    def begun(self, call: DeliveryCall) -> None:
        """Note that the function was called: its host has started."""
        if call.waits:
            _less(self._waiting, call.lane.app_id)
            self._starting -= call.cold
            call.waits = False

    def slowed(self, call: DeliveryCall) -> None:
        """Note that a call takes long: it gives its place to another."""
        self._bulkheads[call.calls].slowed(call)

    def finished(self, call: DeliveryCall, *, hung: bool | None) -> None:
        """Stop counting a message; ``hung``: no answer came in time; None: it was not sent."""
        self.begun(call)
        self._bulkheads[call.calls].remove(call, hung=hung)
        _less(self._in_lane, call.lane)

    def _order(
        self, calls: Callable[[L], bool | None], hosts: "_Hosts"
    ) -> Iterator[tuple[L, bool]]:
        """Yield the lanes in turn, and whether each calls a function."""
        ahead = {lane: None for lane in self._due if hosts.ahead(lane.app_id)}
        more: list[L] = []
        for lane in [*ahead, *(lane for lane in self._due if lane not in ahead)]:
            function = calls(lane)
            if function is None or lane in self._closed:
                continue  # a notification may have added a closed lane
            if function and hosts.needs_another(lane.app_id):
                more.append(lane)
            else:
                yield lane, function
        for lane in more:
            yield lane, True


class _Hosts:
    """The host processes that the calls of one turn may use or start."""

    def __init__(
        self,
        quotas: Quotas,
        starting: int,
        live: Counter[UUID],
        waiting: Counter[UUID],
        idle: Mapping[UUID, int],
        kept: Collection[UUID],
        resting: Collection[str],
    ) -> None:
        self._live, self._idle, self._kept = live, idle, kept
        self._resting = resting
        self._free = Counter(idle)
        self._free.subtract(waiting)
        self._starts = quotas.starts - starting
        self._startable = quotas.hosts - live.total() - sum(idle.values())
        # Idle hosts that may end, so that others can start.
        self._spare = sum(count for app_id, count in idle.items() if app_id not in kept)

    def ahead(self, app_id: UUID) -> bool:
        """Return whether an idle host of the app may go on for a while."""
        return app_id in self._kept and self.idle(app_id)

    def idle(self, app_id: UUID) -> bool:
        """Return whether the app has an idle host that no call waits for."""
        return self._free[app_id] > 0

    def needs_another(self, app_id: UUID) -> bool:
        """Return whether all hosts of the app are busy; other apps start their first one first."""
        return self._free[app_id] <= 0 and self._live[app_id] > 0

    def take(self, app_id: UUID, count: int) -> int:
        """Return how many of the calls wanted find a host, or may start one, and reserve it."""
        if self.idle(app_id):
            taken = min(count, self._free[app_id])
            self._free[app_id] -= max(taken, 0)
            return taken
        spare = 0 if self._live[app_id] else self._spare
        if str(app_id) in self._resting or min(count, self._starts, self._startable + spare) < 1:
            return 0
        self._starts -= 1
        self._startable -= 1
        return 1


def _less(counter: Counter[Any], key: object) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
