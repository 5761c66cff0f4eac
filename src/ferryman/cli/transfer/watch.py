"""``ferryman transfer watch`` and ``timeline``: follow a transfer, or show what happened."""

import time
from collections.abc import Iterable
from typing import Annotated

import typer

from ferryman.cli.ids import TransferId
from ferryman.cli.output.follow import TransferFollower, all_succeeded
from ferryman.cli.output.lines import LineOptions
from ferryman.cli.output.printing import print_json, say_late_failures
from ferryman.cli.session import LineSession, Session
from ferryman.client import timeline_text
from ferryman.client.explanation import timeline_of
from ferryman.client.text import Line, place_of, result_line
from ferryman.domain.limits import ADMIN_PAGE
from ferryman.vocab import IdKind, ListSort
from ferryman.wire.transfer import TimelineEntry, TransferView


def watch(
    session: LineSession,
    shown: LineOptions,
    transfer: TransferId,
    *,
    timeout: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Give up after this many seconds."),
    ] = None,
) -> None:
    """Follow a transfer until it is settled; the exit status is 0 only for SUCCESS."""
    lines = shown.lines()

    def show(_view: TransferView, entry: TimelineEntry) -> list[Line]:
        if not session.as_json:
            return lines.of(entry, "", time.monotonic())
        print_json(entry)
        return []

    transfer = session.resolve(IdKind.TRANSFER, transfer)
    view = session.admin.transfers.get(transfer)
    bars = not (session.as_json or lines.quiet)
    if bars:
        typer.echo(place_of(view))
    [view] = TransferFollower(
        session.admin, [view], show=show, bars=bars, lines=lines, timeout=timeout
    ).run()
    say_late_failures(session.admin, [view])
    if not session.as_json:
        typer.echo(result_line(view))
    raise typer.Exit(0 if all_succeeded([view]) else 1)


def show_timeline(
    session: LineSession,
    transfer: TransferId,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            help="Only this kind, such as attempt.failed, or all of a noun, such as attempt.",
        ),
    ] = None,
    last: Annotated[
        int | None,
        typer.Option("--last", min=1, max=ADMIN_PAGE, metavar="N", help="Only the newest N."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")] = False,
) -> None:
    """Show everything that has happened, or the end of it, in order and in full."""
    if session.as_json and as_csv:
        raise typer.BadParameter("expected --json or --csv; found both.")
    transfer = session.resolve(IdKind.TRANSFER, transfer)
    view = session.admin.transfers.get(transfer)
    if as_csv:
        typer.echo(timeline_text.csv_row(*timeline_text.CSV_HEAD))
    elif not session.as_json:
        typer.echo(place_of(view))
    for entry in _entries(session, transfer, kind, last):
        if session.as_json:
            print_json(entry)
        else:
            typer.echo(timeline_text.csv_line(entry) if as_csv else timeline_text.line(entry))


def _entries(
    session: Session, transfer: str, kind: str | None, last: int | None
) -> Iterable[TimelineEntry]:
    if last is None:
        return timeline_of(session.admin, transfer, kind)
    newest = session.admin.transfers.timeline(transfer, None, last, kind=kind, sort=ListSort.NEWEST)
    return reversed(newest.items)
