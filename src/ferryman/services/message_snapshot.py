"""Read the snapshot that explains a message (ADR 0026)."""

from dataclasses import fields

from ferryman.domain.diagnosis.message import MessageSnapshot
from ferryman.domain.diagnosis.record import AttemptRecord, MessageRecord
from ferryman.domain.diagnosis.snapshot import Workers
from ferryman.functions.routes import FunctionRoute, RemoteRoute, Route, route_name
from ferryman.services import breaker
from ferryman.services.routing import routes_of
from ferryman.store import message_view
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.message import StoredMessage
from ferryman.store.transfer import StoredTransfer
from ferryman.wire.transfer import AttemptView, MessageView


async def message_snapshot(
    tx: Transaction, message: StoredMessage, stored: StoredTransfer, app: AppRow, workers: Workers
) -> MessageSnapshot:
    """Read the snapshot of a message in an open transaction."""
    [view] = await message_view.views(tx, [message])
    return MessageSnapshot(
        message=record_of(view),
        event=message.event_type,
        attempts_made=message.state.attempts,
        open_attempt=message.state.open_attempt,
        transfer=stored.state,
        transfer_id=str(stored.transfer_id),
        transfer_name=f"{stored.transfer_id} of {stored.details.name!r} to "
        f"{stored.details.cloud_url}",
        app_name=app.cloud_app_key,
        environment=app.environment,
        installed=app.shared_secret is not None,
        has_manifest=app.manifest is not None,
        suspended=app.suspended_at is not None,
        routes=tuple(_route(app, route) for route in routes_of(app, message.event_type)),
        workers=workers,
        open_breakers=(
            *await breaker.open_breakers(tx, message.app_id, message.event_type),
            *await breaker.resting_hosts(tx, app, workers.silence, message.event_type),
        ),
    )


def _route(app: AppRow, route: Route) -> str:
    match route:
        case FunctionRoute():
            return f"trigger {route.trigger}: function {route.handler} in {app.source}"
        case RemoteRoute():
            return f"trigger {route.trigger}: endpoint {route.endpoint} at {route.url}"
        case _:
            return route_name(route)


def record_of(view: MessageView) -> MessageRecord:
    """Return a message with its attempts, as the rules of diagnosis read it."""
    return MessageRecord(
        message_id=view.message_id,
        event_type=view.event_type,
        state=view.state,
        attempts=tuple(map(_attempt_record, view.attempts)),
        key=view.key,
        label=view.label,
        reason=view.reason,
        acknowledgement=view.acknowledgement,
    )


def _attempt_record(view: AttemptView) -> AttemptRecord:
    kept = {field.name: getattr(view, field.name) for field in fields(AttemptRecord)}
    return AttemptRecord(**kept)
