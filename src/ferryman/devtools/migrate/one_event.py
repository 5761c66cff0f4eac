"""Send one event to an app: a small migration that goes as far as the event, and its outcome."""

import time
from pathlib import Path

from ferryman import refusals
from ferryman.client.admin import AdminClient
from ferryman.client.explanation import messages_of
from ferryman.client.text import event_name
from ferryman.devtools.dev.folder import Running
from ferryman.devtools.migrate import run as run_migration
from ferryman.devtools.migrate.export import Export
from ferryman.devtools.migrate.run import Say, claim, settle
from ferryman.sdk.gateway import Gateway
from ferryman.vocab import (
    AckStatus,
    AppKind,
    AttemptOutcome,
    ConnectEventType,
    EventType,
    MessageState,
)
from ferryman.wire.migration import MigrationRequest
from ferryman.wire.transfer import MessageView

_POLL_SECONDS = 0.1
_PIECE = 1 << 20
_FAILED = (AttemptOutcome.FAILED, AttemptOutcome.LOST)
_RUNNING = "RUNNING"


class TriggeredListenerError(Exception):
    """The error of a listener, for an app that wants to hear of one."""


def events_by_name() -> dict[str, EventType]:
    """Return each event by all of its names: the full, the short and that of Connect apps."""
    names = {name: event for event in EventType for name in (event.value, event_name(event.value))}
    return names | {each.value: EventType[each.name] for each in ConnectEventType}


def check_listens(admin: AdminClient, app: Running, event: EventType) -> AppKind:
    """Return the app's kind; raises ``ConfigError`` if it does not listen for the event."""
    view = admin.apps.get(app.app_id)
    if event.value not in view.events:
        raise refusals.definition.EVENT_NOT_LISTENED(
            event=event_name(event.value),
            app=app.cloud_app_key,
            events=", ".join(map(event_name, view.events)) or "no event",
        )
    return view.kind


def drive(
    admin: AdminClient,
    app: Running,
    request: MigrationRequest,
    event: EventType,
    file: tuple[Path, str] | None,
    mappings: Path | None,
    say: Say,
) -> str:
    """Run a migration until it sends ``event``, and return its transfer.

    ``file`` is the one of the event, with its label. On a frozen clock, what is due is done.
    """
    migration = run_migration.create(admin, request, Export((), mappings), say)
    transfer_id = migration.transfers[0].transfer_id
    admin.migrations.start(migration.migration_id)
    number = claim(admin, app, transfer_id, say)
    with Gateway(admin.url, app.server_token, transfer_id, claim=number) as gateway:
        gateway.keep_claim()
        match event:
            case EventType.UPLOADED if file is not None:
                with file[0].open("rb") as source, gateway.create_app_data(file[1]) as data:
                    while piece := source.read(_PIECE):
                        data.write(piece)
            case EventType.CANCELLATION:
                admin.transfers.cancel(transfer_id)
            case EventType.ERRORED:
                gateway.report_error(TriggeredListenerError("sent by `ferryman trigger`"))
            case EventType.EXPORTED | EventType.SETTLED:
                gateway.complete_export()
    if event is EventType.SETTLED and not admin.transfers.get(transfer_id).status.final:
        settle(admin, transfer_id)  # that of a Connect app, which says itself when it has ended
    elif admin.clock.get().frozen:
        admin.clock.finish_due()
    return transfer_id


def outcome(
    admin: AdminClient, transfer_id: str, event: EventType, kind: AppKind, seconds: float
) -> MessageView | None:
    """Return the event's message once its outcome is known; after ``seconds``, as it then is.

    It is known when the app has acknowledged the file, or has the event, or an attempt failed.
    """
    names = {name for name, each in events_by_name().items() if each is event}
    limit = time.monotonic() + seconds
    while True:
        found = [each for each in messages_of(admin, transfer_id) if each.event_type in names]
        message = found[-1] if found else None
        if (message is not None and _known(message, kind)) or time.monotonic() > limit:
            return message
        time.sleep(_POLL_SECONDS)


def succeeded(message: MessageView | None, kind: AppKind) -> bool:
    """Return whether the app has the event at the first attempt, and acknowledged its file."""
    if message is None or any(each.outcome in _FAILED for each in message.attempts):
        return False
    if _acknowledges(message, kind):
        return message.acknowledgement is AckStatus.SUCCESS
    return message.state is MessageState.DELIVERED


def _known(message: MessageView, kind: AppKind) -> bool:
    if any(each.outcome in _FAILED for each in message.attempts):
        return True
    if message.state is not MessageState.DELIVERED or not message.attempts:
        return message.state is MessageState.UNDELIVERED
    last = message.attempts[-1]
    told = message.acknowledgement is not None or last.returned
    return last.outcome != _RUNNING and (told or not _acknowledges(message, kind))


def _acknowledges(message: MessageView, kind: AppKind) -> bool:
    """Return whether the app must acknowledge it; a Connect app reports its progress instead."""
    return kind is AppKind.FORGE and message.event_type == EventType.UPLOADED
