"""The tools that change something; there only with ``--write``."""

import time
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ferryman.cli.clock import read_duration
from ferryman.cli.mcp.reading import OneMessage
from ferryman.cli.mcp.tool import Arguments, Call, Tool, described
from ferryman.cli.migration.group import parse_container
from ferryman.cli.trigger import WantedEvent, send_event
from ferryman.client.explanation import explained, findings, first_broken
from ferryman.devtools.dev.folder import running_app
from ferryman.devtools.migrate import run as run_migration
from ferryman.devtools.migrate.plan import FILE
from ferryman.devtools.migrate.request import check_app, chosen_export, plan_at, request_of
from ferryman.plan import Plan
from ferryman.vocab import TransferStatus

_POLL_SECONDS = 0.2

Seconds = Annotated[
    float, msgspec.Meta(ge=0, le=600, description="Most seconds to wait for the outcome.")
]
Mappings = Annotated[str, described("File of mappings: namespace, serverKey, cloudKey.")]
Containers = Annotated[list[str], described("Selected containers, each as TYPE:KEY or Site.")]


class EventToSend(Arguments, frozen=True):
    """The event to send."""

    event: Annotated[str, described("Name of the event, such as uploaded:app_data.")]
    file: Annotated[str | None, described("File of app data, for uploaded:app_data.")] = None
    label: Annotated[str | None, described("Label of the file.")] = None
    mappings: Mappings | None = None
    containers: Containers = []
    site: Annotated[str | None, described("URL of the cloud site.")] = None
    timeout_seconds: Seconds = 60


class Files(Arguments, frozen=True):
    """What to migrate."""

    files: Annotated[str, described("The exported files: a folder, or one file.")]
    mappings: Mappings | None = None
    containers: Containers = []
    site: Annotated[str | None, described("URL of the cloud site.")] = None
    settle: Annotated[
        bool, described("Move the virtual clock until the transfer ends, instead of waiting.")
    ] = False
    timeout_seconds: Seconds = 60


class Duration(Arguments, frozen=True):
    """How far to move the clock."""

    duration: Annotated[str, described("For example 90 (seconds), 15m, 2h, 14d or 1h30m.")]


def trigger_event(call: Call, given: EventToSend) -> dict[str, Any]:
    """Send one event to the app that `ferryman dev` runs, and report the result."""
    _plan(call, given.mappings)  # which gives what is missing here
    wanted = WantedEvent(
        event=given.event,
        file=call.some_path(given.file),
        label=given.label,
        mappings=call.some_path(given.mappings),
        containers=given.containers,
        site=given.site,
    )
    session = call.session
    sent = send_event(session, wanted, lambda: running_app(session.data_dir), given.timeout_seconds)
    return call.answers.whole(
        succeeded=sent.succeeded,
        transferId=sent.transfer.transfer_id,
        diagnosis=sent.broken,
        message=sent.message,
        logs=sent.logs,
    )


def migrate_files(call: Call, given: Files) -> dict[str, Any]:
    """Send files to the app that `ferryman dev` runs, until it has them or a link is broken."""
    planned, root = _plan(call, given.mappings), call.path(given.files)
    export = chosen_export(root, call.some_path(given.mappings), planned, Path(FILE))
    # A folder of files may hold links, which are followed.
    for file in (
        *(file for file, _ in export.files),
        *(root / each.path for each in export.left_out),
    ):
        call.path(str(file if file.name[:1] != "." else file.parent))
    for text in given.containers:
        parse_container(text)
    admin, app = call.admin, running_app(call.session.data_dir)
    check_app(planned, app)
    chosen = Plan(site=given.site, containers=given.containers)
    request = request_of(app, chosen, planned)
    migration = run_migration.create(admin, request, export, _silent)
    run_migration.send(admin, app, migration, export, _silent)
    transfer_id = migration.transfers[0].transfer_id
    if given.settle:
        run_migration.settle(admin, transfer_id)
    limit = time.monotonic() + given.timeout_seconds
    while not (view := admin.transfers.get(transfer_id)).status.final:
        broken = first_broken(admin.transfers.explain(transfer_id))
        if broken is not None or time.monotonic() > limit:
            break
        time.sleep(_POLL_SECONDS)
    explanation = explained(admin, transfer_id)
    return call.answers.whole(
        succeeded=view.status is TransferStatus.SUCCESS and not findings(explanation),
        diagnosis=first_broken(explanation),
        failing=findings(explanation),
        transfer=view,
        leftOut=list(export.left_out),
    )


def redeliver_message(call: Call, given: OneMessage) -> dict[str, Any]:
    """Deliver a message again, under the same id."""
    return call.answers.whole(message=call.admin.messages.redeliver(call.message(given.message)))


def advance_clock(call: Call, given: Duration) -> dict[str, Any]:
    """Move the virtual clock forward, and wait until everything that fell due is done."""
    return call.answers.whole(clock=call.admin.clock.advance(read_duration(given.duration)))


def _plan(call: Call, mappings: str | None) -> Plan:
    """Return the folder's plan, if there is one; its mappings count unless others are given."""
    call.path(FILE)
    planned = plan_at(None)
    call.some_path(planned.mappings if mappings is None else None)
    return planned


def _silent(_text: str) -> None:
    """Say nothing: the answer has it all."""


WRITING: tuple[Tool[Any], ...] = (
    Tool("trigger_event", EventToSend, trigger_event, writes=True),
    Tool("migrate_files", Files, migrate_files, writes=True),
    Tool("redeliver_message", OneMessage, redeliver_message, writes=True),
    Tool("advance_clock", Duration, advance_clock, writes=True),
)
