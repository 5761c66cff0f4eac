"""``ferryman migration``: plan, start and list migrations."""

from typing import Annotated

import typer

from ferryman.cli.command import CountedPaging, IdOptions, command
from ferryman.cli.ids import HELP, OfApp, OfCustomer, Shown
from ferryman.cli.list_filters import (
    InArchive,
    OfEnvironment,
    OfSite,
    Since,
    Until,
    archive_of,
    time_range,
)
from ferryman.cli.session import Session
from ferryman.client.filters import MigrationFilters
from ferryman.client.text import field_lines, instant, minute, status_text, table
from ferryman.plan import container_of
from ferryman.vocab import IdKind, ListSort, TransferStatus
from ferryman.wire.migration import Container, MigrationRequest, MigrationView

app = typer.Typer(help="Plan, start and run migrations.", no_args_is_help=True)

MigrationId = Annotated[str, typer.Argument(help=f"The migration: {HELP}.", show_default=False)]
Name = Annotated[str, typer.Option("--name", help="Name of the migration.")]
Site = Annotated[str, typer.Option("--site", help="URL of the cloud site.")]
Source = Annotated[str, typer.Option("--source", help="Id of the source server.")]
Apps = Annotated[
    list[str],
    typer.Option("--app", help="Key of a cloud app, or KEY@ENVIRONMENT; once for each app."),
]
Containers = Annotated[
    list[str] | None,
    typer.Option("--container", help="Selected container: TYPE:KEY[:NAME], or Site; repeatable."),
]

Customer = Annotated[
    str | None,
    typer.Option("--customer", help="Whose migration it is, where your token is for several."),
]


@command(app, "create")
def create(
    session: Session,
    *,
    name: Name,
    site: Site,
    source: Source,
    apps: Apps,
    containers: Containers = None,
    customer: Customer = None,
) -> None:
    """Create a migration with a READY transfer for each app; nothing runs yet."""
    request = request_of(name, site, source, apps, containers, customer)
    session.show(session.admin.migrations.create(request), migration_text)


@command(app, "start")
def start(session: Session, migration: MigrationId) -> None:
    """Offer the transfers to their agents; starting twice changes nothing."""
    migration = session.resolve(IdKind.MIGRATION, migration)
    session.show(session.admin.migrations.start(migration), migration_text)


@command(app, "show")
def show(session: Session, migration: MigrationId) -> None:
    """Show a migration with the transfer of each app."""
    migration = session.resolve(IdKind.MIGRATION, migration)
    session.show(session.admin.migrations.get(migration), migration_text)


@command(app, "list")
def list_migrations(
    session: Session,
    paging: CountedPaging,
    ids: IdOptions,
    *,
    name: Annotated[
        str | None, typer.Option("--name", help="Only those with this text in their name.")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Only where each word begins a word of the name.")
    ] = None,
    status: Annotated[
        TransferStatus | None,
        typer.Option(
            "--status", metavar="STATUS", help="Only those with a transfer in this status."
        ),
    ] = None,
    app_name: OfApp = None,
    environment: OfEnvironment = None,
    stuck: Annotated[
        bool, typer.Option("--stuck", help="Only those with a transfer that makes no progress.")
    ] = False,
    site: OfSite = None,
    since: Since = None,
    until: Until = None,
    customer: OfCustomer = None,
    archived: InArchive = False,
    sort: Annotated[ListSort, typer.Option(help="Order.")] = ListSort.NEWEST,
) -> None:
    """List migrations, newest first."""
    heads = ("MIGRATION", "NAME", "SITE", "SOURCE", "CREATED", "STARTED", "TRANSFERS")
    begin, end = time_range(session, since, until)
    wanted = MigrationFilters(
        name=name,
        text=text,
        status=status,
        app=app_name,
        environment=environment,
        stuck=stuck,
        site=site,
        since=begin,
        to=end,
        customer=customer,
        archived=archive_of(archived),
        sort=sort,
    )
    paging.show_counted(
        session,
        lambda after, size, count: session.admin.migrations.list(after, size, wanted, count=count),
        heads,
        lambda view: _row(view, ids.shown),
    )


def parse_container(text: str) -> Container:
    """Read ``TYPE:KEY[:NAME]``; only a Site needs no key."""
    try:
        return container_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--container") from None


def request_of(
    name: str,
    site: str,
    source: str,
    apps: list[str],
    containers: list[str] | None,
    customer: str | None = None,
) -> MigrationRequest:
    """Build the request; raise a usage error if a container is malformed."""
    return MigrationRequest(
        name=name,
        cloud_url=site,
        source_id=source,
        apps=apps,
        containers=[parse_container(text) for text in containers or []],
        customer=customer,
    )


def migration_text(view: MigrationView) -> str:
    """Write a migration, and a table of its transfers."""
    fields = {
        "migration": f"{view.migration_id}  {view.name}",
        "scope": view.migration_scope_id,
        "customer": view.customer if view.customer != "default" else None,
        "source": view.source_id,
        "site": view.cloud_url,
        "created": instant(view.created_at),
        "started": instant(view.started_at) or _starts(view),
        "archived": instant(view.archived_at),
    }
    named = any(transfer.transfer_name for transfer in view.transfers)
    rows = (
        (
            transfer.cloud_app_key,
            transfer.environment,
            *([transfer.transfer_name] if named else []),
            status_text(transfer),
            transfer.transfer_id,
        )
        for transfer in view.transfers
    )
    name = ["NAME"] if named else []
    heads = ("APP", "ENVIRONMENT", *name, "STATUS", "TRANSFER")
    return f"{field_lines(fields)}\n{table(heads, rows)}"


def _starts(view: MigrationView) -> str:
    return "not yet" if view.start_at is None else f"by itself at {instant(view.start_at)}"


def _row(view: MigrationView, ids: Shown) -> tuple[object, ...]:
    transfers = (
        f"{transfer.cloud_app_key} ({transfer.environment}) {status_text(transfer)}"
        for transfer in view.transfers
    )
    return (
        ids(view.migration_id),
        view.name,
        view.cloud_url,
        view.source_id,
        minute(view.created_at),
        minute(view.started_at),
        ", ".join(transfers),
    )
