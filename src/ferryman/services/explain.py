"""Why a message went where it went: the chain of links, and the first that is broken."""

from ferryman.errors import not_found
from ferryman.functions.routes import FunctionRoute, RemoteRoute, Route, route_name
from ferryman.services.platform import Platform, parse_id
from ferryman.services.routing import no_way, routes_of
from ferryman.store import app as apps
from ferryman.store import message as messages
from ferryman.store import transfer as transfers
from ferryman.store.app import App
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import AppKind, EventType, MessageState
from ferryman.wire.transfer import AttemptView, Explanation, Link, MessageView


async def explain(platform: Platform, message_id: str) -> Explanation:
    """Transfer, app, trigger or webhook, attempts, delivery, acknowledgement: what holds of it."""
    async with platform.database.transaction() as tx:
        message = await messages.by_id(tx, parse_id("message", message_id))
        if message is None:
            raise not_found("message", message_id)
        stored = await transfers.by_id(tx, message.transfer_id)
        app = None if stored is None else await apps.by_id(tx, stored.app_id)
        [view] = await messages.views(tx, [message])
    if stored is None or app is None:
        raise not_found("message", message_id)
    routes = routes_of(app, message.event_type)
    links = [
        _transfer(stored),
        _app(app),
        _trigger(app, message.event_type, routes),
        *[_attempt(attempt) for attempt in view.attempts],
        _delivery(view, message.reason),
        *([_acknowledgement(view)] if _is_acknowledged(app, message.event_type) else []),
    ]
    # What failed on the way to a later attempt or a success is history, not what is broken now.
    done = view.state is MessageState.DELIVERED or view.acknowledgement is not None
    past = {f"attempt {attempt.number}" for attempt in view.attempts[: None if done else -1]}
    if done:
        past |= {"trigger", "webhook"}
    broken = next((link.name for link in links if not link.holds and link.name not in past), None)
    return Explanation(message_id=message_id, links=links, broken=broken)


def _transfer(stored: StoredTransfer) -> Link:
    site = stored.details.cloud_url
    return Link(
        name="transfer",
        holds=True,
        found=f"{stored.transfer_id} of {stored.details.name!r} to {site}: {stored.state.status}",
    )


def _app(app: App) -> Link:
    return Link(
        name="app", holds=True, found=f"{app.cloud_app_key} in environment {app.environment}"
    )


def _trigger(app: App, event: EventType, routes: tuple[Route, ...]) -> Link:
    if app.kind is AppKind.CONNECT:
        return _webhook(app, routes)
    if routes:
        return Link(name="trigger", holds=True, found="; ".join(_target(app, r) for r in routes))
    return Link(
        name="trigger",
        holds=False,
        found=f"no trigger of the app's manifest names {event.value}",
        fix="Add the event to modules.trigger[].events and register the app again.",
    )


def _webhook(app: App, routes: tuple[Route, ...]) -> Link:
    if routes:
        return Link(name="webhook", holds=True, found="; ".join(map(route_name, routes)))
    fix = (
        "Install the app: `ferryman app install`."
        if app.shared_secret is None
        else "Register an address by PUT /rest/atlassian-connect/1/migration/webhook, or name "
        "cloudAppMigration.migrationWebhookPath in the descriptor and register the app again."
    )
    return Link(name="webhook", holds=False, found=no_way(app), fix=fix)


def _target(app: App, route: Route) -> str:
    match route:
        case FunctionRoute():
            return f"trigger {route.trigger}: function {route.handler} in {app.source}"
        case RemoteRoute():
            return f"trigger {route.trigger}: endpoint {route.endpoint} at {route.url}"
        case _:
            return route_name(route)


def _attempt(attempt: AttemptView) -> Link:
    took = "" if attempt.duration_ms is None else f" after {attempt.duration_ms} ms"
    status = "" if attempt.status is None else f", HTTP {attempt.status}"
    reason = f": {_gist(attempt.error)}" if attempt.error else ""
    return Link(
        name=f"attempt {attempt.number}",
        holds=attempt.outcome in ("DELIVERED", "RUNNING"),
        found=f"{attempt.outcome.lower()}{took}{status}{reason}",
        fix=_FIX_BY_STAGE.get(attempt.stage or ""),
    )


def _gist(error: str) -> str:
    """What a traceback ends with: the exception and its message, behind the indented frames."""
    lines = error.strip().splitlines()
    frames = [number for number, line in enumerate(lines) if line.startswith("  ")]
    behind = lines[frames[-1] + 1 :] if frames else lines
    return " ".join(behind or lines[-1:])[:300]


_FIX_BY_STAGE = {
    "before": "Nothing reached the app: see that its address, file and function are right.",
    "during": "The app did not answer in time or died: do less in one call.",
    "after": "The app refused or raised: mend what its error says.",
}


def _delivery(view: MessageView, reason: str | None) -> Link:
    if view.state is MessageState.UNDELIVERED:
        return Link(
            name="delivery",
            holds=False,
            found=f"given up: {_gist(reason or 'all attempts failed')}",
            fix="Mend the cause, then `ferryman message redeliver` it.",
        )
    if view.state is MessageState.PENDING:
        found = "still trying"
    elif any(attempt.outcome == "DELIVERED" for attempt in view.attempts):
        found = "delivered"
    else:
        found = "not needed: acknowledged before an attempt got through"
    return Link(name="delivery", holds=True, found=found)


def _is_acknowledged(app: App, event: EventType) -> bool:
    """Connect apps settle the transfer, and acknowledge no message."""
    return app.kind is AppKind.FORGE and event is EventType.UPLOADED


def _acknowledgement(view: MessageView) -> Link:
    if view.acknowledgement is not None:
        return Link(name="acknowledgement", holds=True, found=view.acknowledgement.value)
    return Link(
        name="acknowledgement",
        holds=False,
        found="the app has not acknowledged this message",
        fix="Call message_processed or message_failed with its messageId within the window.",
    )
