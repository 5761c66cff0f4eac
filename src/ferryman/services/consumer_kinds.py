"""Know of each queue whether a function consumes it, or an endpoint."""

from collections.abc import Collection
from uuid import UUID

from ferryman.functions.routes import ConsumerRoute, FunctionConsumer
from ferryman.services.platform import Platform
from ferryman.services.queue import route_of
from ferryman.store import app as app_store
from ferryman.store.queue import QueueLane

_READ_SECONDS = 10.0
"""How often the apps of due queues are read again: their consumers may be of another kind now."""


class ConsumerKinds:
    """Knows the kind of each queue's consumer, as of the last time its app was read.

    Claiming an event reads the app again and corrects the kind. So the kind may be out of date, but
    the consumer that is called never is.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._functions: dict[QueueLane, bool] = {}
        self._until = 0.0

    async def learn(self, lanes: Collection[QueueLane], now: float) -> None:
        """Read the apps of queues that are not known yet, or were read long ago.

        ``now`` is in seconds of a clock that never steps.
        """
        if now >= self._until:
            self._functions.clear()
            self._until = now + _READ_SECONDS
        unknown = [lane for lane in lanes if lane not in self._functions]
        if not unknown:
            return
        app_ids: set[UUID] = {lane.app_id for lane in unknown}
        async with self._platform.database.reading() as tx:
            apps = {app.app_id: app for app in await app_store.by_ids(tx, app_ids)}
        for lane in unknown:
            if app := apps.get(lane.app_id):
                self.note(lane, route_of(self._platform, app, lane.queue))

    def note(self, lane: QueueLane, route: ConsumerRoute | None) -> None:
        """Note the kind; an event without a consumer takes no function."""
        self._functions[lane] = isinstance(route, FunctionConsumer)

    def calls_function(self, lane: QueueLane) -> bool | None:
        """Return whether the events of a queue go to a function; None if that is not known."""
        return self._functions.get(lane)
