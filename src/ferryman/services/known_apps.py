"""Apps as a worker knows them, with the ways that lead to them."""

from collections.abc import Collection
from uuid import UUID

from ferryman.functions.routes import FunctionRoute, Route
from ferryman.services.routing import routes_of
from ferryman.store import app as apps
from ferryman.store.app import App
from ferryman.store.breaker import Endpoint
from ferryman.store.database import Transaction
from ferryman.store.delivery import Lane
from ferryman.vocab import EventType


class KnownApps:
    """Apps as a worker knows them; those that changed are read anew."""

    def __init__(self) -> None:
        self.apps: dict[UUID, App] = {}
        self._versions: dict[UUID, str] = {}
        self._routes: dict[Lane, tuple[Route, ...]] = {}

    async def refresh(self, tx: Transaction, app_ids: Collection[UUID]) -> None:
        """Know these apps as they are now."""
        current = await apps.versions(tx, app_ids)
        changed = {each for each, version in current.items() if self._versions.get(each) != version}
        if not changed:
            return
        for app in await apps.by_ids(tx, changed):
            self.apps[app.app_id] = app
            self._versions[app.app_id] = current[app.app_id]
            for event_type in EventType:
                lane = Lane(app.app_id, event_type)
                self._routes[lane] = routes_of(app, event_type)

    async def hold(self, tx: Transaction, app_ids: Collection[UUID]) -> None:
        """Know these apps as they are until the transaction ends."""
        await apps.hold(tx, app_ids)
        await self.refresh(tx, app_ids)

    def routes(self, lane: Lane) -> tuple[Route, ...]:
        """How the messages of a lane reach the app, as far as is known here."""
        return self._routes.get(lane, ())

    def events_to(self, endpoint: Endpoint) -> list[EventType]:
        """The events that are posted to an endpoint."""
        return [
            event_type
            for event_type in EventType
            if any(
                endpoint_of(route) == endpoint.url
                for route in self.routes(Lane(endpoint.app_id, event_type))
            )
        ]

    def calls_function(self, lane: Lane) -> bool:
        """Whether a lane leads to a function, as far as is known here."""
        return any(isinstance(route, FunctionRoute) for route in self.routes(lane))


def endpoint_of(route: Route) -> str | None:
    """The endpoint that a breaker guards; a function has none."""
    return None if isinstance(route, FunctionRoute) else route.url.partition("?")[0]
