"""``ferryman migrate``: a whole migration of files on this machine, with `ferryman dev` or serve.

It does the part of the admin and that of the server app: plan, mappings, files, the end of the
export.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ferryman.cli import admin_calls as calls
from ferryman.cli import timeline
from ferryman.cli.connection import DATA_DIR, URL, Admin, DataDir, Token, connected
from ferryman.cli.dev_folder import Running, running_app, url_of
from ferryman.cli.mapping import counted, send_file
from ferryman.cli.migration import parse_container
from ferryman.cli.plan import FILE, Plan, label_of, read_plan
from ferryman.cli.render import clean, lines_of, print_json
from ferryman.cli.watch import Watch, all_succeeded, result_line
from ferryman.errors import ConfigError, OutsideError
from ferryman.ids import new_id
from ferryman.sdk import server_calls
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.gateway import Gateway
from ferryman.sdk.http import HttpTransport
from ferryman.wire.listener import ClaimRequest
from ferryman.wire.migration import MigrationRequest
from ferryman.wire.transfer import TransferView

_PIECE = 1 << 20
_MOST_CLAIMS = 20


@dataclass(frozen=True, slots=True)
class Export:
    """What is sent: each file with its label, in the order of their paths."""

    files: tuple[tuple[Path, str], ...]
    mappings: Path | None


def migrate(
    *,
    files: Annotated[
        Path | None, typer.Option(help="The exported files: a folder, or one file.")
    ] = None,
    mappings: Annotated[
        Path | None, typer.Option(help="Rows of namespace,serverKey,cloudKey: *.csv, or NDJSON.")
    ] = None,
    containers: Annotated[
        list[str] | None,
        typer.Option(help="What is selected: TYPE:KEY[:NAME], or Site; repeatable."),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(help=f"A plan as `ferryman plan init` writes it; {FILE} if it is here."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    site: Annotated[str | None, typer.Option(help="URL of the cloud site.")] = None,
    source: Annotated[str | None, typer.Option(help="Id of the source server.")] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Stop watching after so many seconds.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Where the platform is, if not where `ferryman dev` runs it.")
    ] = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Carry files to the app that `ferryman dev` runs, as a whole migration, and watch it.

    The exit status is 0 only if it ends in SUCCESS. What is left out is taken from the plan.
    """
    with connected(url or url_of(data_dir, URL), token, data_dir, as_json=as_json) as admin:
        app = running_app(data_dir)
        given = _plan(plan)
        base = (plan or Path(FILE)).parent
        _check_app(given, app)
        export = _export(files, mappings, given, base)
        request = MigrationRequest(
            name=name or given.name or "A try",
            cloud_url=site or given.site or "https://cloud.example",
            source_id=source or given.source or "server-1",
            apps=[f"{app.cloud_app_key}@{app.environment}"],
            containers=[parse_container(text) for text in containers or given.containers],
        )
        view = _carry(admin, app, request, export, quiet=as_json, timeout=timeout)
    if as_json:
        print_json(view)
    else:
        typer.echo(result_line(view))
    raise typer.Exit(0 if all_succeeded([view]) else 1)


def _carry(
    admin: Admin,
    app: Running,
    request: MigrationRequest,
    export: Export,
    *,
    quiet: bool,
    timeout: float | None,
) -> TransferView:
    migration = admin.call(calls.create_migration(request))
    transfer_id = migration.transfers[0].transfer_id
    facts = {"migration": migration.migration_id, "transfer": transfer_id, "files": None}
    typer.echo(lines_of({**facts, "files": len(export.files)}), err=quiet)
    if export.mappings is not None:
        counts = send_file(admin, migration.migration_id, str(export.mappings), None)
        typer.echo(counted(counts), err=quiet)
    admin.call(calls.start_migration(migration.migration_id))
    _claim(admin, app, transfer_id)
    with Gateway(admin.url, app.server_token, transfer_id) as gateway:
        for file, label in export.files:
            with file.open("rb") as source, gateway.create_app_data(label) as data:
                while piece := source.read(_PIECE):
                    data.write(piece)
        _complete(gateway)
    view = admin.call(calls.get_transfer(transfer_id))
    watch = Watch(
        admin,
        [view],
        line=lambda _, entry: None if quiet else timeline.line(entry),
        bars=not quiet,
        timeout=timeout,
    )
    return watch.run()[0]


def _complete(gateway: Gateway) -> None:
    """Say that all is exported, unless the transfer was settled before it could be said."""
    try:
        gateway.complete_export()
    except GatewayError as refused:
        if not refused.settled:
            raise


def _claim(admin: Admin, app: Running, transfer_id: str) -> None:
    """Be the listener of this transfer; those that killed runs left waiting are cancelled."""
    agent = f"ferryman-migrate-{new_id()}"
    with ExitStack() as stack:
        transport = HttpTransport(admin.url, app.server_token, patience=10.0, error=GatewayError)
        stack.callback(transport.close)
        for _ in range(_MOST_CLAIMS):
            request = ClaimRequest(
                server_app_keys=[app.server_app_key], agent_id=agent, wait_seconds=5
            )
            claimed = transport.call(server_calls.claim(request)).transfer
            if claimed is not None and claimed.transfer_id == transfer_id:
                return
            if claimed is not None:
                typer.echo(f"Cancelling {claimed.transfer_id}, left by an earlier run.", err=True)
                admin.call(calls.cancel_transfer(claimed.transfer_id))
    raise OutsideError(
        "transfer_not_offered",
        expected=f"to be offered the transfer {transfer_id}",
        found="that it was not; an agent of the same server app may have taken it",
        fix="Stop the agent, or let it do the export.",
    )


def _plan(file: Path | None) -> Plan:
    if file is not None:
        return read_plan(file)
    return read_plan(Path(FILE)) if Path(FILE).is_file() else Plan()


def _check_app(plan: Plan, app: Running) -> None:
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


def _export(files: Path | None, mappings: Path | None, plan: Plan, base: Path) -> Export:
    root = files or (base / plan.files if plan.files is not None else None)
    if root is None:
        raise ConfigError(
            "files_not_given",
            expected="--files, or files in a plan",
            found="neither",
            fix="Name the folder of the exported files.",
        )
    found = tuple(_labelled(root, plan))
    if not found:
        raise ConfigError(
            "files_missing",
            expected=f"at least one file in {root}",
            found="no such folder" if not root.exists() else "none",
            fix="Name the folder of the exported files.",
        )
    rows = mappings or (base / plan.mappings if plan.mappings is not None else None)
    if rows is not None and not rows.exists():
        raise ConfigError(
            "mappings_missing",
            expected=f"a file of mappings at {rows}",
            found="no such file",
            fix="Correct the path.",
        )
    return Export(found, rows)


def _labelled(root: Path, plan: Plan) -> Iterator[tuple[Path, str]]:
    if root.is_file():
        yield root, label_of(root.name, plan.labels)
        return
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.is_file() and not any(part.startswith(".") for part in inside.parts):
            yield path, clean(label_of(inside.as_posix(), plan.labels))
