"""``ferryman migrate``: send files on this machine to the app of `ferryman dev`."""

import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ferryman import refusals
from ferryman.cli.migrate import listen
from ferryman.cli.migrate.junit import judge, reported
from ferryman.cli.migrate.listen import MakeExporter
from ferryman.cli.migrate.listen_java import JavaListening
from ferryman.cli.migrate.plan import Containers, Mappings, PlanFile
from ferryman.cli.migration.group import parse_container
from ferryman.cli.output.follow import TransferFollower
from ferryman.cli.output.lines import LineOptions, Lines
from ferryman.cli.output.printing import print_json
from ferryman.cli.session import Session
from ferryman.client.admin import AdminClient
from ferryman.client.explanation import (
    explained,
    findings,
    first_broken,
    late_failure,
    link_line,
    transcript,
)
from ferryman.client.text import result_line
from ferryman.devtools.dev.folder import Running, running_app
from ferryman.devtools.migrate import run as run_migration
from ferryman.devtools.migrate.export import Export, summary
from ferryman.devtools.migrate.plan import FILE
from ferryman.devtools.migrate.request import check_app, chosen_export, plan_at, request_of
from ferryman.java import java_command
from ferryman.plan import Plan
from ferryman.vocab import TransferStatus
from ferryman.wire.migration import MigrationRequest
from ferryman.wire.transfer import TransferView


def migrate(
    session: Session,
    shown: LineOptions,
    *,
    files: Annotated[
        Path | None, typer.Option(help="Exported files: a folder, or one file.")
    ] = None,
    listener: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:LISTENER",
            help="Let a listener in this folder export, instead of --files; with --java, a class.",
            show_default=False,
        ),
    ] = None,
    java: Annotated[
        str | None,
        typer.Option(
            metavar="CLASSPATH",
            help="Run a --listener written in Java: its jars, and those it needs.",
            show_default=False,
        ),
    ] = None,
    mappings: Mappings = None,
    containers: Containers = None,
    plan: PlanFile = None,
    name: Annotated[str | None, typer.Option(help="Name of the migration.")] = None,
    site: Annotated[str | None, typer.Option(help="URL of the cloud site.")] = None,
    source: Annotated[str | None, typer.Option(help="Id of the source server.")] = None,
    settle: Annotated[
        bool,
        typer.Option("--settle", help="Move the virtual clock until it ends, instead of waiting."),
    ] = False,
    expect: Annotated[
        TransferStatus,
        typer.Option(
            metavar="STATUS", help="Status it must end in for exit status 0.", case_sensitive=False
        ),
    ] = TransferStatus.SUCCESS,
    allow_failed_attempts: Annotated[
        bool,
        typer.Option(
            "--allow-failed-attempts",
            help="Succeed even if a handler failed after it acknowledged its message.",
        ),
    ] = False,
    junit: Annotated[
        Path | None, typer.Option(help="Write the result as JUnit XML, for CI.")
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Stop watching after this many seconds."),
    ] = None,
) -> None:
    """Send files to the app that `ferryman dev` runs, as a whole migration, and watch it.

    With --listener, your own listener exports, as an agent would run it, instead of --files. If it
    raises, its traceback is shown. Ctrl-C cancels the migration.

    The exit status is 0 only if the migration ends as expected and no handler failed after it
    acknowledged its message. Options that you leave out are taken from the plan.
    """
    lines, as_json = shown.lines(), session.as_json
    with (
        reported(junit, expect) as case,
        session.explained(),
    ):
        admin = session.admin
        app = running_app(session.data_dir)
        given = plan_at(plan)
        check_app(given, app)
        if java is not None and listener is None:
            raise typer.BadParameter("--java needs --listener, the class to run")
        own = None if listener is None else _listener(listener, files, java, admin, app)
        export = chosen_export(files, mappings, given, plan or Path(FILE), sent=own is None)
        chosen = Plan(name=name, site=site, source=source, containers=containers or [])
        for text in chosen.containers:
            parse_container(text)
        request = request_of(app, chosen, given)
        case.name = request.name
        views = _carry(
            admin, app, request, export, own, lines, settle=settle, as_json=as_json, timeout=timeout
        )
        explained_views = [(view, explained(admin, view.transfer_id)) for view in views]
        # The one that says how it ended: the first that did not end as expected.
        explained_views.sort(key=lambda each: each[0].status is expect)
        for view, explanation in reversed(explained_views):
            judge(case, view, explanation, lenient=allow_failed_attempts)
        if junit is not None:
            case.output = "\n".join(
                line for view in views for line in transcript(admin, view.transfer_id)
            )
    if as_json:
        view, explanation = explained_views[0]
        more = {"findings": findings(explanation), "leftOut": summary(export.left_out)}
        several = {"transfers": views} if len(views) > 1 else {}
        print_json({**msgspec.to_builtins(view), **more, **several})
    for view, explanation in () if as_json else explained_views:
        typer.echo(result_line(view))
        for link in findings(explanation):
            if link.name == explanation.broken or link == late_failure(explanation):
                typer.echo(lines.words(link_line(link, broken=True)))
    raise typer.Exit(1 if case.failed else 0)


def _listener(
    target: str, files: Path | None, java: str | None, admin: AdminClient, app: Running
) -> MakeExporter:
    if files is not None:
        raise refusals.command.FILES_OR_LISTENER()
    if java is not None:
        java_command(java)  # refuses before anything is created
        return lambda migration, say: JavaListening(admin, app, target, java, migration, say)
    exporter = listen.load(target, app)
    return lambda migration, say: listen.Listening(admin, app, exporter, migration, say)


def _carry(
    admin: AdminClient,
    app: Running,
    request: MigrationRequest,
    export: Export,
    make_exporter: MakeExporter | None,
    lines: Lines,
    *,
    settle: bool,
    as_json: bool,
    timeout: float | None,
) -> list[TransferView]:
    def say(text: str) -> None:
        if not lines.quiet:
            typer.echo(text, err=as_json)

    migration = run_migration.create(admin, request, export, say)
    if make_exporter is None:
        run_migration.send(admin, app, migration, export, say)
        ids = [migration.transfers[0].transfer_id]
        if settle:
            run_migration.settle(admin, ids[0])
        return _watch(admin, ids, lines, as_json=as_json, timeout=timeout)
    listening = make_exporter(migration.migration_id, say)
    admin.migrations.start(migration.migration_id)
    # The listener's output belongs neither to the JSON document nor to the result.
    output = sys.stderr if as_json or lines.quiet else sys.stdout
    with redirect_stdout(output), listening.running() as ids:
        for transfer_id in ids if settle else ():
            listening.wait_returned(transfer_id)
            run_migration.settle(admin, transfer_id)
        return _watch(admin, ids, lines, as_json=as_json, timeout=timeout)


def _watch(
    admin: AdminClient, ids: Sequence[str], lines: Lines, *, as_json: bool, timeout: float | None
) -> list[TransferView]:
    """Follow the transfers to their end."""
    views = [admin.transfers.get(transfer_id) for transfer_id in ids]
    going = any(not view.status.final for view in views)
    if going and admin.clock.get().frozen:
        typer.echo("Time is frozen: move it with `ferryman clock`, or use --settle.", err=True)
    announced: set[tuple[str, str]] = set()

    def who(view: TransferView) -> str:
        return (view.transfer_name or lines.id(view.transfer_id)) if len(views) > 1 else ""

    def notice() -> str | None:
        """Return what holds a transfer up; further attempts at the same are not repeated."""
        if lines.quiet:
            return None
        for transfer_id in ids:
            link = first_broken(admin.transfers.explain(transfer_id))
            if link is not None and (transfer_id, link.cause or link.name) not in announced:
                announced.add((transfer_id, link.cause or link.name))
                text = lines.words(link_line(link, broken=True))
                if not as_json:
                    return text
                typer.echo(text, err=True)
        return None

    watch = TransferFollower(
        admin,
        views,
        show=lambda view, entry: [] if as_json else lines.of(entry, who(view), time.monotonic()),
        bars=not (as_json or lines.quiet),
        lines=lines,
        timeout=timeout,
        notice=notice,
    )
    return watch.run()
