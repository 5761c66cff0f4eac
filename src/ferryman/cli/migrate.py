"""``ferryman migrate``: a whole migration of files on this machine, with `ferryman dev`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ferryman.cli import admin_calls as calls
from ferryman.cli import carry, timeline
from ferryman.cli.chain import link_line
from ferryman.cli.connection import DATA_DIR, Admin, DataDir, Token, Url, connected
from ferryman.cli.dev_folder import Running, running_app
from ferryman.cli.export import Export, export_of, summary
from ferryman.cli.junit import Case, write_report
from ferryman.cli.migration import parse_container
from ferryman.cli.plan import FILE, Containers, Mappings, Plan, read_plan
from ferryman.cli.render import print_json, refusal_facts, refuse
from ferryman.cli.transcript import transcript
from ferryman.cli.verdict import explained, findings, first_broken, late_failure
from ferryman.cli.watch import Watch, result_line
from ferryman.errors import ConfigError
from ferryman.vocab import TransferStatus
from ferryman.wire.migration import MigrationRequest
from ferryman.wire.transfer import TransferExplanation, TransferView


def migrate(
    *,
    files: Annotated[
        Path | None, typer.Option(help="The exported files: a folder, or one file.")
    ] = None,
    mappings: Mappings = None,
    containers: Containers = None,
    plan: Annotated[
        Path | None,
        typer.Option(help=f"A plan as `ferryman plan init` writes it; {FILE} if it is here."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    site: Annotated[str | None, typer.Option(help="URL of the cloud site.")] = None,
    source: Annotated[str | None, typer.Option(help="Id of the source server.")] = None,
    settle: Annotated[
        bool,
        typer.Option("--settle", help="Move the virtual clock until it ends, rather than wait."),
    ] = False,
    expect: Annotated[
        TransferStatus,
        typer.Option(help="How it has to end for the exit status 0.", case_sensitive=False),
    ] = TransferStatus.SUCCESS,
    allow_failed_attempts: Annotated[
        bool,
        typer.Option(
            "--allow-failed-attempts",
            help="Pass where a handler failed after it had acknowledged its message.",
        ),
    ] = False,
    junit: Annotated[
        Path | None, typer.Option(help="Write what came of it as JUnit XML, for CI.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Stop watching after so many seconds.")
    ] = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Carry files to the app that `ferryman dev` runs, as a whole migration, and watch it.

    The exit status is 0 only if it ends as expected, and no handler failed after it had
    acknowledged its message. Options that are not given are taken from the plan.
    """
    with (
        _reported(junit, expect) as case,
        connected(url, token, data_dir, as_json=as_json) as admin,
    ):
        app = running_app(data_dir)
        given = plan_at(plan)
        base = (plan or Path(FILE)).parent
        check_app(given, app)
        export = chosen_export(files, mappings, given, base)
        chosen = Plan(name=name, site=site, source=source, containers=containers or [])
        request = request_of(app, chosen, given)
        case.name = request.name
        view = _carry(admin, app, request, export, settle=settle, quiet=as_json, timeout=timeout)
        explanation = explained(admin, view.transfer_id)
        _judge(case, view, explanation, lenient=allow_failed_attempts)
        if junit is not None:
            case.output = "\n".join(transcript(admin, view.transfer_id))
    if as_json:
        more = {"findings": findings(explanation), "leftOut": summary(export.left_out)}
        print_json({**msgspec.to_builtins(view), **more})
    else:
        typer.echo(result_line(view))
        for link in findings(explanation):
            if link.name == explanation.broken or link == late_failure(explanation):
                typer.echo(link_line(link, broken=True))
    raise typer.Exit(1 if case.failed else 0)


def _judge(case: Case, view: TransferView, found: TransferExplanation, *, lenient: bool) -> None:
    """Put into the report how it ended, and what there is to complain of."""
    case.ended = view.status
    if link := first_broken(found):
        case.broken = f"{link.name}: {link.found}"
    if (late := late_failure(found)) and not lenient:
        case.complaint = late.found


def request_of(app: Running, chosen: Plan, otherwise: Plan) -> MigrationRequest:
    """Say what the migration is: by what was chosen, else the plan, else as it does no harm."""
    return MigrationRequest(
        name=chosen.name or otherwise.name or "A try",
        cloud_url=chosen.site or otherwise.site or "https://cloud.example",
        source_id=chosen.source or otherwise.source or "server-1",
        apps=[f"{app.cloud_app_key}@{app.environment}"],
        containers=[parse_container(text) for text in chosen.containers or otherwise.containers],
    )


@contextmanager
def _reported(file: Path | None, expect: TransferStatus) -> Iterator[Case]:
    """Write the report in every case: also of a migration that could not be carried."""
    case, began = Case("A migration", expect), time.monotonic()
    if file is not None:
        _write(file, case)  # found out before hours of work, and left behind by one that is killed
    try:
        yield case
    except typer.Exit as left:
        # The context of the exit is the refusal that led to it.
        case.error = str(left.__context__ or "refused before anything was carried")
        raise
    finally:
        case.seconds = time.monotonic() - began
        if file is not None:
            _write(file, case)


def _write(file: Path, case: Case) -> None:
    try:
        write_report(file, case)
    except ConfigError as refused:
        refuse(refusal_facts(refused))


def _carry(
    admin: Admin,
    app: Running,
    request: MigrationRequest,
    export: Export,
    *,
    settle: bool,
    quiet: bool,
    timeout: float | None,
) -> TransferView:
    def say(text: str) -> None:
        typer.echo(text, err=quiet)

    migration = carry.create(admin, request, export, say)
    carry.send(admin, app, migration, export, say)
    transfer_id = migration.transfers[0].transfer_id
    if settle:
        carry.settle(admin, transfer_id)
    view = admin.call(calls.get_transfer(transfer_id))
    if not view.status.final and admin.call(calls.get_clock()).frozen:
        typer.echo("Time stands still: move it by `ferryman clock`, or use --settle.", err=True)
    said: set[str] = set()

    def notice() -> str | None:
        """What keeps a quiet transfer from going on, each thing once."""
        link = first_broken(admin.call(calls.explain_transfer(transfer_id)))
        text = "" if link is None else link_line(link, broken=True)
        if text in said or not text:
            return None
        said.add(text)
        if quiet:
            say(text)
        return None if quiet else text

    watch = Watch(
        admin,
        [view],
        line=lambda _, entry: None if quiet else timeline.line(entry),
        bars=not quiet,
        timeout=timeout,
        notice=notice,
    )
    return watch.run()[0]


def plan_at(file: Path | None) -> Plan:
    """Read the plan that was named, or the one that is here; an empty one without either."""
    if file is not None:
        return read_plan(file)
    return read_plan(Path(FILE)) if Path(FILE).is_file() else Plan()


def check_app(plan: Plan, app: Running) -> None:
    """Refuse a plan for another app than the one that is there."""
    for named, runs in (
        (plan.app, app.cloud_app_key),
        (plan.server_app, app.server_app_key),
        (plan.environment, app.environment),
    ):
        if named is not None and named != runs:
            raise ConfigError(
                "plan_for_another_app",
                expected=f"a plan for {runs!r}, which `ferryman dev` runs",
                found=f"one for {named!r}",
                fix="Correct the plan, or start `ferryman dev` with --cloud-key, --server-key "
                "or --environment.",
            )


def chosen_export(files: Path | None, mappings: Path | None, plan: Plan, base: Path) -> Export:
    """Find what is to be sent: what was named, else what the plan in ``base`` names."""
    root = files or (base / plan.files if plan.files is not None else None)
    if root is None:
        raise ConfigError(
            "files_not_given",
            expected="--files, or files in a plan",
            found="neither",
            fix="Name the folder of the exported files.",
        )
    rows = mappings or (base / plan.mappings if plan.mappings is not None else None)
    return export_of(root, rows, plan.labels)
