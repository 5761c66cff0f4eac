"""``ferryman migration``: plan a migration, start it, run it from one command."""

import time
from typing import Annotated

import typer

from ferryman.cli import admin_calls as calls
from ferryman.cli import pages, timeline
from ferryman.cli.connection import DATA_DIR, Admin, AsJson, DataDir, Token, Url, connected
from ferryman.cli.mapping import Form, counted, send_file
from ferryman.cli.render import clean, instant, lines_of, print_json, table
from ferryman.cli.verdict import say_late_failures
from ferryman.cli.watch import Watch, all_succeeded, result_line
from ferryman.vocab import ContainerType
from ferryman.wire.migration import Container, MigrationRequest, MigrationView
from ferryman.wire.transfer import TimelineEntry, TransferView

app = typer.Typer(help="Plan migrations, start them, run them.", no_args_is_help=True)

MigrationId = Annotated[str, typer.Argument(help="The id of the migration.", show_default=False)]
Name = Annotated[str, typer.Option("--name", help="What people call it.")]
Site = Annotated[str, typer.Option("--site", help="URL of the cloud site.")]
Source = Annotated[str, typer.Option("--source", help="Id of the source server.")]
Apps = Annotated[
    list[str],
    typer.Option("--app", help="Key of a cloud app, or key@environment; once for each app."),
]
Containers = Annotated[
    list[str] | None,
    typer.Option("--container", help="What is selected: TYPE:KEY[:NAME], or Site; repeatable."),
]


@app.command("create")
def create(
    *,
    name: Name,
    site: Site,
    source: Source,
    apps: Apps,
    containers: Containers = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Create a migration with a READY transfer for each app; nothing runs yet."""
    request = _request(name, site, source, apps, containers)
    with connected(url, token, data_dir, as_json=as_json) as admin:
        _print(admin.call(calls.create_migration(request)), as_json=as_json)


@app.command("start")
def start(
    migration: MigrationId,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Offer the transfers to their agents; starting again changes nothing."""
    with connected(url, token, data_dir, as_json=as_json) as admin:
        _print(admin.call(calls.start_migration(migration)), as_json=as_json)


@app.command("show")
def show(
    migration: MigrationId,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show a migration with the transfer of each app."""
    with connected(url, token, data_dir, as_json=as_json) as admin:
        _print(admin.call(calls.get_migration(migration)), as_json=as_json)


@app.command("list")
def list_migrations(
    limit: pages.Limit = pages.LIMIT,
    cursor: pages.Cursor = None,
    everything: pages.Everything = False,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """List migrations, newest first."""
    heads = ("MIGRATION", "NAME", "SITE", "SOURCE", "CREATED", "STARTED", "TRANSFERS")
    with connected(url, token, data_dir, as_json=as_json) as admin:
        pages.show_list(
            lambda after, size: admin.call(calls.list_migrations(after, size)),
            heads,
            _row,
            limit=limit,
            cursor=cursor,
            everything=everything,
            as_json=as_json,
        )


@app.command("run")
def run(
    *,
    name: Name,
    site: Site,
    source: Source,
    apps: Apps,
    containers: Containers = None,
    mappings: Annotated[
        str | None, typer.Option(help="File of mappings to load first; - for standard input.")
    ] = None,
    form: Annotated[
        Form | None,
        typer.Option("--format", help="Of the mappings; by the file's name without it."),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Stop watching after so many seconds.")
    ] = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Create a migration, load mappings, start it and watch it to its end.

    The exit status is 0 only if all its transfers end in SUCCESS.
    """
    request = _request(name, site, source, apps, containers)
    with connected(url, token, data_dir, as_json=as_json) as admin:
        view = admin.call(calls.create_migration(request))
        if not as_json:
            _print(view, as_json=False)
        if mappings is not None:
            counts = send_file(admin, view.migration_id, mappings, form)
            typer.echo(counted(counts), err=as_json)
        view = admin.call(calls.start_migration(view.migration_id))
        ended = _watch(admin, view, timeout=timeout, quiet=as_json)
        say_late_failures(admin, ended)
        if as_json:
            migration = admin.call(calls.get_migration(view.migration_id))
            print_json({"migration": migration, "transfers": ended})
    if not as_json:
        typer.echo("\n".join(map(result_line, ended)))
    raise typer.Exit(0 if all_succeeded(ended) else 1)


def parse_container(text: str) -> Container:
    """Read ``TYPE:KEY[:NAME]``; only a Site needs no key."""
    kind, _, rest = text.partition(":")
    key, _, name = rest.partition(":")
    if kind not in list(ContainerType) or not (key or kind == ContainerType.SITE):
        raise typer.BadParameter(
            f"expected TYPE:KEY[:NAME] with a TYPE of {', '.join(ContainerType)}; found {text!r}.",
            param_hint="--container",
        )
    return Container(type=ContainerType(kind), key=key or None, name=name or None)


def _request(
    name: str, site: str, source: str, apps: list[str], containers: list[str] | None
) -> MigrationRequest:
    return MigrationRequest(
        name=name,
        cloud_url=site,
        source_id=source,
        apps=apps,
        containers=[parse_container(text) for text in containers or []],
    )


def _watch(
    admin: Admin, migration: MigrationView, *, timeout: float | None, quiet: bool
) -> list[TransferView]:
    """Watch all transfers; those that a listener's definitions add come after the first."""
    until = None if timeout is None else time.monotonic() + timeout
    ended: dict[str, TransferView] = {}
    while new := [each for each in migration.transfers if each.transfer_id not in ended]:
        several = len(migration.transfers) > 1

        def line(view: TransferView, entry: TimelineEntry, several: bool = several) -> str | None:
            if quiet:
                return None
            name = f" {view.transfer_name}" if view.transfer_name else ""
            who = f"{view.cloud_app_key} ({view.environment}){name}  " if several or name else ""
            return f"{clean(who)}{timeline.line(entry)}"

        views = [admin.call(calls.get_transfer(each.transfer_id)) for each in new]
        left = None if until is None else max(0.0, until - time.monotonic())
        for view in Watch(admin, views, line=line, bars=not quiet, timeout=left).run():
            ended[view.transfer_id] = view
        migration = admin.call(calls.get_migration(migration.migration_id))
    return list(ended.values())


def _print(view: MigrationView, *, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    fields = {
        "migration": f"{view.migration_id}  {view.name}",
        "scope": view.migration_scope_id,
        "source": view.source_id,
        "site": view.cloud_url,
        "created": instant(view.created_at),
        "started": instant(view.started_at) or "not yet",
    }
    typer.echo(lines_of(fields))
    named = any(each.transfer_name for each in view.transfers)
    rows = (
        (
            each.cloud_app_key,
            each.environment,
            *([each.transfer_name] if named else []),
            each.status,
            each.transfer_id,
        )
        for each in view.transfers
    )
    name = ["NAME"] if named else []
    typer.echo(table(("APP", "ENVIRONMENT", *name, "STATUS", "TRANSFER"), rows))


def _row(view: MigrationView) -> tuple[object, ...]:
    transfers = (
        f"{each.cloud_app_key} ({each.environment}) {each.status}" for each in view.transfers
    )
    return (
        view.migration_id,
        view.name,
        view.cloud_url,
        view.source_id,
        instant(view.created_at),
        instant(view.started_at),
        ", ".join(transfers),
    )
