"""``ferryman migration run``: plan, start and watch a migration in one command."""

import time
from typing import Annotated

import typer

from ferryman.cli.command import command
from ferryman.cli.migration.group import (
    Apps,
    Containers,
    Customer,
    Name,
    Site,
    Source,
    app,
    migration_text,
    request_of,
)
from ferryman.cli.migration.report import report
from ferryman.cli.output.follow import TransferFollower, all_succeeded
from ferryman.cli.output.lines import LineOptions, Lines
from ferryman.cli.output.printing import print_json, say_late_failures
from ferryman.cli.session import Session
from ferryman.client.admin import AdminClient
from ferryman.client.mapping_file import Form, counts_text, send_file
from ferryman.client.text import Line, clean, result_line
from ferryman.wire.migration import MigrationView
from ferryman.wire.transfer import TimelineEntry, TransferView

command(app, "report")(report)


@command(app, "run")
def run(
    session: Session,
    shown: LineOptions,
    *,
    name: Name,
    site: Site,
    source: Source,
    apps: Apps,
    containers: Containers = None,
    customer: Customer = None,
    mappings: Annotated[
        str | None, typer.Option(help="File of mappings to load first; - for standard input.")
    ] = None,
    form: Annotated[
        Form | None,
        typer.Option("--format", help="Format of the mappings; by default from the file's name."),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Stop watching after this many seconds."),
    ] = None,
) -> None:
    """Create a migration, load its mappings, start it and watch it to the end.

    The exit status is 0 only if all its transfers end in SUCCESS.
    """
    request = request_of(name, site, source, apps, containers, customer)
    lines = shown.lines()
    view = session.admin.migrations.create(request)
    if not (session.as_json or lines.quiet):
        typer.echo(migration_text(view))
    if mappings is not None:
        counts = send_file(session.admin, view.migration_id, mappings, form)
        if not lines.quiet:
            typer.echo(counts_text(counts), err=session.as_json)
    view = session.admin.migrations.start(view.migration_id)
    ended = _watch(session.admin, view, lines, timeout=timeout, as_json=session.as_json)
    say_late_failures(session.admin, ended)
    if session.as_json:
        migration = session.admin.migrations.get(view.migration_id)
        print_json({"migration": migration, "transfers": ended})
    if not session.as_json:
        typer.echo("\n".join(map(result_line, ended)))
    raise typer.Exit(0 if all_succeeded(ended) else 1)


def _watch(
    admin: AdminClient,
    migration: MigrationView,
    lines: Lines,
    *,
    timeout: float | None,
    as_json: bool,
) -> list[TransferView]:
    """Watch all transfers; those that a listener's definitions add come after the first."""
    until = None if timeout is None else time.monotonic() + timeout
    ended: dict[str, TransferView] = {}
    while new := [
        transfer for transfer in migration.transfers if transfer.transfer_id not in ended
    ]:
        several = len(migration.transfers) > 1

        def show(view: TransferView, entry: TimelineEntry, several: bool = several) -> list[Line]:
            name = f" {view.transfer_name}" if view.transfer_name else ""
            who = f"{view.cloud_app_key} ({view.environment}){name}" if several or name else ""
            return [] if as_json else lines.of(entry, clean(who), time.monotonic())

        views = [admin.transfers.get(transfer.transfer_id) for transfer in new]
        left = None if until is None else max(0.0, until - time.monotonic())
        bars = not (as_json or lines.quiet)
        watch = TransferFollower(admin, views, show=show, bars=bars, lines=lines, timeout=left)
        for view in watch.run():
            ended[view.transfer_id] = view
        migration = admin.migrations.get(migration.migration_id)
    return list(ended.values())
