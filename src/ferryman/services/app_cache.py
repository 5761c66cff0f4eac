"""Cache apps and their routes in a worker."""

from collections.abc import Collection
from uuid import UUID

from ferryman.functions.routes import FunctionRoute, Route
from ferryman.services.routing import routes_of
from ferryman.store import app as app_store
from ferryman.store.app import AppRow
from ferryman.store.breaker import EndpointRow
from ferryman.store.database import Transaction
from ferryman.store.delivery import Lane
from ferryman.vocab import EventType


class AppCache:
    """Apps with their routes; an app that changed is read again."""

    def __init__(self) -> None:
        self.apps: dict[UUID, AppRow] = {}
        self._versions: dict[UUID, str] = {}
        self._routes: dict[Lane, tuple[Route, ...]] = {}

    async def refresh(self, tx: Transaction, app_ids: Collection[UUID]) -> None:
        """Read the given apps again that changed since the last refresh."""
        current = await app_store.versions(tx, app_ids)
        changed = {
            app_id for app_id, version in current.items() if self._versions.get(app_id) != version
        }
        if not changed:
            return
        for app in await app_store.by_ids(tx, changed):
            self.apps[app.app_id] = app
            self._versions[app.app_id] = current[app.app_id]
            for event_type in EventType:
                lane = Lane(app.app_id, event_type)
                self._routes[lane] = routes_of(app, event_type)

    async def hold(self, tx: Transaction, app_ids: Collection[UUID]) -> None:
        """Refresh the given apps, and lock them until the transaction ends."""
        await app_store.hold(tx, app_ids)
        await self.refresh(tx, app_ids)

    def routes(self, lane: Lane) -> tuple[Route, ...]:
        """Return the routes of a lane; empty if its app is not cached."""
        return self._routes.get(lane, ())

    def events_to(self, endpoint: EndpointRow) -> list[EventType]:
        """Return the event types that are posted to an endpoint."""
        return [
            event_type
            for event_type in EventType
            if any(
                endpoint_of(route) == endpoint.url
                for route in self.routes(Lane(endpoint.app_id, event_type))
            )
        ]

    def calls_function(self, lane: Lane) -> bool | None:
        """Return whether a lane leads to a function; None if that is not known yet."""
        if lane not in self._routes:
            return None
        return any(isinstance(route, FunctionRoute) for route in self.routes(lane))


def endpoint_of(route: Route) -> str:
    """Return the endpoint that a breaker guards: an address, or ``function:`` and its key."""
    if isinstance(route, FunctionRoute):
        return f"function:{route.function}"
    return route.url.partition("?")[0]
