"""Route events to an app by its manifest, descriptor or webhooks."""

from ferryman.functions.descriptor import parse_descriptor
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.routes import Route, routes, webhook_routes
from ferryman.store.app import AppRow
from ferryman.vocab import AppKind, EventType


def routes_of(app: AppRow, event_type: EventType) -> tuple[Route, ...]:
    """Return the routes of an event to an app; empty if it does not listen for it, or not yet.

    Until it is installed, a Connect app shares no secret with the platform, so nothing can be
    signed for it. A suspended app gets nothing until it is resumed.
    """
    if app.suspended_at is not None or app.removed_at is not None:
        return ()
    if app.kind is AppKind.CONNECT:
        if app.shared_secret is None:
            return ()
        descriptor = None if app.descriptor is None else parse_descriptor(app.descriptor)
        return webhook_routes(descriptor, app.webhooks, event_type)
    return () if app.manifest is None else routes(parse_manifest(app.manifest), event_type)


def why_no_route(app: AppRow) -> str:
    """Return why :func:`routes_of` is empty."""
    if app.suspended_at is not None:
        return "the app is suspended"
    if app.removed_at is not None:
        return "the app was removed"
    if app.kind is AppKind.FORGE:
        return "no trigger of the app listens for this event"
    if app.shared_secret is None:
        return "the app is not installed"
    return "no webhook is registered"


def client_key(app: AppRow) -> str:
    """Return the issuer of the tokens that the platform signs for a Connect app."""
    return str(app.app_id)
