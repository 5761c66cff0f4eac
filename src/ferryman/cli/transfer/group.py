"""``ferryman transfer``: list, show, cancel and re-run one app's part of a migration."""

from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from ferryman.cli.command import CountedPaging, IdOptions, Paging, command
from ferryman.cli.ids import HELP, Shown, TransferId
from ferryman.cli.list_filters import InArchive, ListFilters, archive_of
from ferryman.cli.output.printing import print_json
from ferryman.cli.session import Session
from ferryman.cli.transfer.watch import show_timeline, watch
from ferryman.client.explanation import chain_lines
from ferryman.client.filters import TransferFilters
from ferryman.client.manifest_file import write_manifest
from ferryman.client.text import (
    counts_of,
    event_name,
    field_lines,
    instant,
    minute,
    paused_text,
    place_of,
    status_text,
)
from ferryman.vocab import Acknowledged, IdKind, MessageState, TransferSort, TransferStatus
from ferryman.wire.transfer import MessageView, TransferSummary, TransferView

app = typer.Typer(
    help="List, show, follow, explain, cancel and re-run transfers.", no_args_is_help=True
)

_NAMED = 10
HEADS = ("TRANSFER", "STATUS", "DONE", "FILES", "SIZE", "CREATED", "APP", "MIGRATION")


@command(app, "list")
def list_transfers(
    session: Session,
    paging: CountedPaging,
    ids: IdOptions,
    filters: ListFilters,
    *,
    status: Annotated[
        TransferStatus | None,
        typer.Option(
            metavar="STATUS",
            help="Only those in this status, such as failed or in_progress.",
            case_sensitive=False,
        ),
    ] = None,
    migration: Annotated[str | None, typer.Option(help=f"Only this migration: {HELP}.")] = None,
    text: Annotated[
        str | None, typer.Option(help="Only where each word begins one of a name, app or site.")
    ] = None,
    stuck: Annotated[bool, typer.Option("--stuck", help="Only what makes no progress.")] = False,
    archived: InArchive = False,
    sort: Annotated[
        TransferSort, typer.Option(help="Order; settled and deadline leave the others out.")
    ] = TransferSort.NEWEST,
) -> None:
    """List transfers, newest first."""
    since, to = filters.times(session)
    wanted = TransferFilters(
        status=status,
        app=session.resolve_some(IdKind.APP, filters.app_name),
        environment=filters.environment,
        migration_id=session.resolve_some(IdKind.MIGRATION, migration),
        site=filters.site,
        cause=filters.cause,
        since=since,
        to=to,
        text=text,
        stuck=stuck,
        customer=filters.customer,
        archived=archive_of(archived),
        sort=sort,
    )
    paging.show_counted(
        session,
        lambda after, size, count: session.admin.transfers.list(after, size, wanted, count=count),
        HEADS,
        lambda view: row(view, ids.shown),
    )


def row(view: TransferSummary, ids: Shown) -> tuple[object, ...]:
    """Return the cells of one transfer; what may be long comes last."""
    details = view.migration_details
    name = f" {view.transfer_name}" if view.transfer_name else ""
    return (
        ids(view.transfer_id),
        status_text(view),
        f"{view.progress} %",
        view.files,
        decimal(view.bytes),
        minute(view.created_at),
        f"{view.cloud_app_key}@{view.environment}{name}",
        f"{ids(details.migration_id)} {details.name}",
    )


@command(app, "show")
def show(session: Session, transfer: TransferId) -> None:
    """Show status, progress, deadline and what last moved it, counts and bytes."""
    transfer = session.resolve(IdKind.TRANSFER, transfer)
    session.show(session.admin.transfers.get(transfer), transfer_text)


command(app, "watch")(watch)
command(app, "timeline")(show_timeline)


@command(app, "messages")
def messages(
    session: Session,
    paging: Paging,
    ids: IdOptions,
    transfer: TransferId,
    *,
    state: Annotated[
        MessageState | None, typer.Option("--state", help="Only those in this state.")
    ] = None,
    acknowledgement: Annotated[
        Acknowledged | None,
        typer.Option("--acknowledged", help="Only those with this acknowledgement."),
    ] = None,
) -> None:
    """List the messages of a transfer, oldest first, with their latest outcome."""
    heads = ("MESSAGE", "EVENT", "LABEL", "DELIVERY", "ACKNOWLEDGED", "ATTEMPTS", "CREATED")
    transfer = session.resolve(IdKind.TRANSFER, transfer)
    if not session.as_json:
        typer.echo(place_of(session.admin.transfers.get(transfer)))
    paging.show(
        session,
        lambda after, size: session.admin.transfers.messages(
            transfer, after, size, state=state, acknowledgement=acknowledgement
        ),
        heads,
        lambda view: _message_row(view, ids.shown),
    )


@command(app, "explain")
def explain(session: Session, transfer: TransferId) -> None:
    """Explain why a transfer is where it is, and which link of the chain is broken first."""
    transfer = session.resolve(IdKind.TRANSFER, transfer)
    explanation = session.admin.transfers.explain(transfer)
    if session.as_json:
        print_json(explanation)
        return
    typer.echo(place_of(session.admin.transfers.get(transfer)))
    typer.echo(
        field_lines({"transfer": explanation.transfer_id, "status": explanation.status.value})
    )
    typer.echo("\n".join(chain_lines(explanation.links, explanation.broken)))


@command(app, "refused")
def refused(session: Session, paging: Paging, transfer: TransferId) -> None:
    """List calls that were refused to the transfer's app, with what to do, latest first."""
    transfer = session.resolve(IdKind.TRANSFER, transfer)
    paging.show(
        session,
        lambda after, size: session.admin.transfers.refused_calls(transfer, after, size),
        ("LAST", "CALL", "CODE", "TIMES", "WHAT TO DO"),
        lambda each: (instant(each.last_at), each.call, each.code, each.times, each.fix),
    )


@command(app, "manifest")
def manifest(
    session: Session,
    transfer: TransferId,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write.", show_default=False)
    ],
) -> None:
    """Write a manifest of all files of a transfer, with sizes and digests, for you to keep."""
    transfer = session.resolve(IdKind.TRANSFER, transfer)
    with session.admin.transfers.read_manifest(transfer) as chunks:
        digest = write_manifest(chunks, output)
    if session.as_json:
        print_json({"transferId": transfer, "file": str(output), "sha256": digest})
    else:
        typer.echo(f"{output}  sha256 {digest}")


@command(app, "cancel")
def cancel(session: Session, transfer: TransferId) -> None:
    """Request cancellation; the app has 60 minutes to clean up."""
    transfer = session.resolve(IdKind.TRANSFER, transfer)
    session.show(session.admin.transfers.cancel(transfer), transfer_text)


@command(app, "rerun")
def rerun(session: Session, transfer: TransferId) -> None:
    """Run a FAILED, INCOMPLETE or TIMED_OUT transfer again, under a new id."""
    transfer = session.resolve(IdKind.TRANSFER, transfer)
    answer = session.admin.transfers.rerun(transfer)
    if session.as_json:
        print_json(answer)
    else:
        typer.echo(transfer_text(session.admin.transfers.get(answer.transfer_id)))


def transfer_text(view: TransferView) -> str:
    """Return what `show` prints of a transfer."""
    details = view.migration_details
    moved = f", last moved by {view.deadline_moved_by}" if view.deadline_moved_by else ""
    fields = {
        "transfer": view.transfer_id,
        "re-run of": view.original_transfer_id,
        "depends on": ", ".join(view.depends_on) or None,
        "skipped by": view.skipped_by,
        "migration": f"{details.migration_id}  {details.name}",
        "status": f"{view.status}, {view.progress} %",
        "reason": view.status_message,
        "started": instant(view.started_at),
        "exported": instant(view.export_completed_at),
        "returned": instant(view.returned_at),
        "paused": paused_text(view),
        "deadline": f"{instant(view.deadline)}{moved}" if view.deadline else None,
        "expires": instant(view.expires_at),
        "settled": instant(view.settled_at),
        "counts": counts_of(view),
        "waiting for": _waiting(view.unacknowledged_message_ids),
    }
    return f"{place_of(view)}\n{field_lines(fields)}"


def _waiting(message_ids: list[str]) -> str | None:
    named = message_ids[:_NAMED]
    more = len(message_ids) - len(named)
    return "\n".join([*named, *([f"and {more} or more others"] if more else [])]) or None


def _message_row(view: MessageView, ids: Shown) -> tuple[object, ...]:
    return (
        ids(view.message_id),
        event_name(view.event_type),
        view.label,
        view.state.value,
        view.acknowledgement and view.acknowledgement.value,
        len(view.attempts),
        minute(view.created_at),
    )
