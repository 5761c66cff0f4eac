"""How events reach an app, by what it registered."""

from ferryman.functions.descriptor import parse_descriptor
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.routes import Route, routes, webhook_routes
from ferryman.store.app import App
from ferryman.vocab import AppKind, EventType


def routes_of(app: App, event_type: EventType) -> tuple[Route, ...]:
    """How an event reaches this app; empty when it does not listen for it, or not yet.

    A Connect app shares no secret with the platform until it is installed; nothing can be
    signed for it before.
    """
    if app.kind is AppKind.CONNECT:
        if app.shared_secret is None:
            return ()
        descriptor = None if app.descriptor is None else parse_descriptor(app.descriptor)
        return webhook_routes(descriptor, app.webhooks, event_type)
    return () if app.manifest is None else routes(parse_manifest(app.manifest), event_type)


def no_way(app: App) -> str:
    """Why :func:`routes_of` is empty."""
    if app.kind is AppKind.FORGE:
        return "no trigger of the app listens for this event"
    if app.shared_secret is None:
        return "the app is not installed"
    return "no webhook is registered"


def client_key(app: App) -> str:
    """Who the platform says it is in the tokens that it signs for a Connect app."""
    return str(app.app_id)
