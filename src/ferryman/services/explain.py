"""Why a message went where it went: the chain of links, and the first that is broken."""

from ferryman.domain import transfer as transfer_rules
from ferryman.domain.cause import broken, whole
from ferryman.domain.explain_app import link_of_failed_late, link_of_left_alone, link_of_returned
from ferryman.domain.explain_worker import link_of_workers
from ferryman.domain.failure import link_of, why
from ferryman.domain.outcome import reason_of
from ferryman.domain.snapshot import Handled, LeftAlone, Sample, Workers
from ferryman.domain.text import instant, plural
from ferryman.errors import not_found
from ferryman.functions.routes import FunctionRoute, RemoteRoute, Route, route_name
from ferryman.services import breaker
from ferryman.services.platform import Platform, parse_id
from ferryman.services.routing import routes_of
from ferryman.store import app as apps
from ferryman.store import message as messages
from ferryman.store import transfer as transfers
from ferryman.store import worker as workers
from ferryman.store.app import App
from ferryman.store.message import StoredMessage
from ferryman.store.transfer import StoredTransfer
from ferryman.vocab import AppKind, EventType, MessageState
from ferryman.wire.transfer import AttemptView, Explanation, Link, MessageView


async def explain(platform: Platform, message_id: str) -> Explanation:
    """Transfer, app, trigger or webhook, workers, attempts, delivery, acknowledgement."""
    async with platform.database.transaction() as tx:
        message = await messages.by_id(tx, parse_id("message", message_id))
        if message is None:
            raise not_found("message", message_id)
        stored = await transfers.by_id(tx, message.transfer_id)
        app = None if stored is None else await apps.by_id(tx, stored.app_id)
        [view] = await messages.views(tx, [message])
        alive = await workers.alive(tx, platform.silence)
        alone = await breaker.left_alone(tx, message.app_id, message.event_type)
    if stored is None or app is None:
        raise not_found("message", message_id)
    routes = routes_of(app, message.event_type)
    links = [
        _transfer(stored),
        _app(app),
        _trigger(app, message.event_type, routes),
        *_workers(view, alive),
        *_removed(view, message),
        *[_attempt(app, message_id, attempt) for attempt in view.attempts],
        _delivery(view, message, alone),
        *([_acknowledgement(view, stored)] if _is_acknowledged(app, message) else []),
        *_failed_late(view),
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
    name = f"{app.cloud_app_key}@{app.environment}"
    if app.kind is AppKind.CONNECT:
        if routes:
            return whole("webhook", "; ".join(map(route_name, routes)))
        cause = "app_not_installed" if app.shared_secret is None else "no_webhook"
        return broken("webhook", cause, app=name)
    if routes:
        return whole("trigger", "; ".join(_target(app, route) for route in routes))
    cause = "no_manifest" if app.manifest is None else "no_trigger"
    return broken("trigger", cause, app=name, event=event.value)


def _target(app: App, route: Route) -> str:
    match route:
        case FunctionRoute():
            return f"trigger {route.trigger}: function {route.handler} in {app.source}"
        case RemoteRoute():
            return f"trigger {route.trigger}: endpoint {route.endpoint} at {route.url}"
        case _:
            return route_name(route)


def _workers(view: MessageView, alive: Workers) -> list[Link]:
    waits = view.state is MessageState.PENDING and view.acknowledgement is None
    link = link_of_workers(alive) if waits else None
    return [] if link is None else [link]


def _removed(view: MessageView, message: StoredMessage) -> list[Link]:
    """What became of attempts that are counted and not listed."""
    gone = message.state.attempts - len(view.attempts)
    if gone <= 0:
        return []
    found = f"{plural(gone, 'attempt')} made; what came of each is removed some time after the end"
    return [whole("attempts", found)]


def _attempt(app: App, message_id: str, attempt: AttemptView) -> Link:
    name = f"attempt {attempt.number}"
    took = "" if attempt.duration_ms is None else f" after {attempt.duration_ms} ms"
    status = "" if attempt.status is None else f", HTTP {attempt.status}"
    reason = f": {why(attempt)}" if attempt.error else ""
    found = f"{attempt.outcome.lower()}{took}{status}{reason}"
    if attempt.outcome in ("DELIVERED", "RUNNING"):
        return whole(name, found)
    connect = app.kind is AppKind.CONNECT
    link = link_of(name, attempt, connect=connect, message=message_id)
    return Link(name=name, holds=False, found=found, fix=link.fix, cause=link.cause)


def _delivery(view: MessageView, message: StoredMessage, alone: list[LeftAlone]) -> Link:
    if view.state is MessageState.UNDELIVERED:
        reason = reason_of(None, message.reason or "all attempts failed")
        return broken("delivery", "undelivered", reason=reason, message=view.message_id)
    if view.state is MessageState.PENDING:
        if alone and not message.state.open_attempt:
            return link_of_left_alone(alone[0])
        found = "still trying"
    elif view.acknowledgement is None or _got_through(view):
        found = "delivered"
    elif _removed(view, message):
        found = "delivered, or acknowledged before an attempt got through"
    else:
        found = "not needed: acknowledged before an attempt got through"
    return whole("delivery", found)


def _got_through(view: MessageView) -> bool:
    return any(attempt.outcome == "DELIVERED" for attempt in view.attempts)


def _is_acknowledged(app: App, message: StoredMessage) -> bool:
    """Connect apps settle the transfer, and acknowledge no message."""
    return app.kind is AppKind.FORGE and message.event_type is EventType.UPLOADED


def _acknowledgement(view: MessageView, stored: StoredTransfer) -> Link:
    if view.acknowledgement is not None:
        return whole("acknowledgement", view.acknowledgement.value)
    if view.state is MessageState.PENDING and not view.attempts:
        return whole("acknowledgement", "not awaited before a first attempt")
    state = stored.state
    limit = transfer_rules.deadline(state)
    if limit is None or state.status.final:
        return broken("acknowledgement", "message_unacknowledged", message=view.message_id)
    last = view.attempts[-1] if view.attempts else None
    if last is not None and last.returned:
        return link_of_returned(Sample(1, (_handled(view, last),)), again=True)
    return whole("acknowledgement", f"pending: the app may acknowledge until {instant(limit.at)}")


def _failed_late(view: MessageView) -> list[Link]:
    late = [attempt for attempt in view.attempts if attempt.after_acknowledgement]
    return [link_of_failed_late(Sample(1, (_handled(view, late[-1]),)))] if late else []


def _handled(view: MessageView, attempt: AttemptView) -> Handled:
    return Handled(
        view.message_id,
        view.label or view.key or view.event_type,
        attempt.target or "the app",
        why(attempt),
        attempt.left_running,
    )
