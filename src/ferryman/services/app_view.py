"""An app as the operator sees it: nothing of it is secret."""

from datetime import datetime

from ferryman.clock import epoch_ms
from ferryman.services.routing import client_key, routes_of
from ferryman.store.app import App
from ferryman.store.installation import Installation
from ferryman.vocab import AppKind, EventType, InstallationState
from ferryman.wire.app import AppView, InstallationView, LifecycleCall


def view_of(app: App, row: Installation | None) -> AppView:
    """An app, with what is known of its installation."""
    events = [event.value for event in EventType if routes_of(app, event)]
    known = row or Installation(app_id=app.app_id)
    return AppView(
        app_id=str(app.app_id),
        kind=app.kind,
        server_app_key=app.server_app_key,
        cloud_app_key=app.cloud_app_key,
        environment=app.environment,
        forge_app_id=app.forge_app_id,
        events=events,
        created_at=epoch_ms(app.created_at),
        installation=_installation(app, known) if app.kind is AppKind.CONNECT else None,
    )


def _installation(app: App, row: Installation) -> InstallationView:
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
