"""Views of apps for the operator, without secrets."""

from collections.abc import Sequence
from datetime import datetime

from ferryman.clock import epoch_ms
from ferryman.domain.breaker import is_open
from ferryman.services.routing import client_key, routes_of
from ferryman.store.app import AppRow
from ferryman.store.breaker import StoredBreaker
from ferryman.store.installation import Installation
from ferryman.vocab import AppKind, EventType, InstallationState
from ferryman.wire.app import AppView, BreakerView, InstallationView, LifecycleCall


def view_of(
    app: AppRow, row: Installation | None, failing: Sequence[StoredBreaker], now: datetime
) -> AppView:
    """Return the view of an app, with its installation and its failing endpoints."""
    events = [event.value for event in EventType if routes_of(app, event)]
    return AppView(
        app_id=str(app.app_id),
        kind=app.kind,
        server_app_key=app.server_app_key,
        cloud_app_key=app.cloud_app_key,
        environment=app.environment,
        forge_app_id=app.forge_app_id,
        events=events,
        created_at=epoch_ms(app.created_at),
        installation=installation_of(app, row),
        failing=[_breaker(worker, now) for worker in failing],
        suspended_at=_ms(app.suspended_at),
    )


def _breaker(stored: StoredBreaker, now: datetime) -> BreakerView:
    state = stored.state
    word = "OPEN" if is_open(state, now) else "HALF_OPEN" if state.trips else "COUNTING"
    return BreakerView(
        endpoint=stored.endpoint.url,
        breaker=word,
        open_until=_ms(state.open_until),
        trips=state.trips,
        last_error=stored.error,
        changed_at=epoch_ms(stored.changed_at),
    )


def installation_of(app: AppRow, stored: Installation | None) -> InstallationView | None:
    """Return the state of an app's installation; None unless it is a Connect app."""
    if app.kind is not AppKind.CONNECT:
        return None
    row = stored or Installation(app_id=app.app_id)
    gone = row.uninstalled_at is not None
    state = InstallationState.UNINSTALLED if gone else InstallationState.NOT_INSTALLED
    if app.shared_secret is not None:
        state = InstallationState.INSTALLED
    return InstallationView(
        state=state,
        client_key=client_key(app),
        installed_at=_ms(row.installed_at),
        uninstalled_at=_ms(row.uninstalled_at),
        last_call=_last_call(row),
    )


def _last_call(row: Installation) -> LifecycleCall | None:
    if row.last_event is None or row.last_at is None:
        return None
    return LifecycleCall(
        event=row.last_event,
        at=epoch_ms(row.last_at),
        status=row.last_status,
        error=row.last_error,
    )


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else epoch_ms(moment)
