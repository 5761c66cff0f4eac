"""``ferryman mapping``: load mappings, and see which are missing or differ."""

from typing import Annotated

import typer

from ferryman.cli.command import Paging, command
from ferryman.cli.ids import HELP
from ferryman.cli.output.printing import print_json
from ferryman.cli.session import Session
from ferryman.client.mapping_file import Form, counts_text, send_file
from ferryman.client.text import clean, instant
from ferryman.vocab import IdKind
from ferryman.wire.mapping import MissingKeys

app = typer.Typer(
    help="Load mappings of server ids to cloud ids, and see which are missing or differ.",
    no_args_is_help=True,
)


OfNamespace = Annotated[str | None, typer.Option("--namespace", help="Only this namespace.")]


@app.callback()
def mapping() -> None:
    """Load mappings of server ids to cloud ids, and see which are missing or differ."""


@command(app, "load")
def load(
    session: Session,
    migration: Annotated[str, typer.Argument(help=f"The migration: {HELP}.")],
    file: Annotated[str, typer.Argument(help="File to load, or - for standard input.")],
    form: Annotated[
        Form | None,
        typer.Option(
            "--format",
            help="Format of the file; by default csv for *.csv, else ndjson.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Load mappings from a file of any size: rows of namespace, serverKey, cloudKey.

    All rows are stored, or none if one is wrong; the last row for a key wins. In CSV the first line
    may name the columns, including those of the migration assistants (entityType,serverId,cloudId),
    and blanks around values are dropped; NDJSON keeps them.
    """
    migration = session.resolve(IdKind.MIGRATION, migration)
    # Asked first, so that a wrong id is found before gigabytes are on their way.
    view = session.admin.migrations.get(migration)
    counts = send_file(session.admin, migration, file, form)
    if session.as_json:
        print_json(counts)
        return
    apps = ", ".join(
        f"{transfer.cloud_app_key} ({transfer.environment})" for transfer in view.transfers
    )
    typer.echo(clean(f"{view.name}: {apps} on {view.cloud_url}"))
    typer.echo(counts_text(counts))


@command(app, "missing")
def missing(
    session: Session,
    paging: Paging,
    transfer: Annotated[str, typer.Argument(help=f"The transfer: {HELP}.")],
    *,
    namespace: OfNamespace = None,
) -> None:
    """List, by namespace, how many distinct keys the transfer did not find, with examples.

    Keys in a form that no mapping of their namespace has are listed separately, with the nearest
    form that exists.
    """
    heads = ("NAMESPACE", "KEYS", "LAST ASKED FOR", "WRONG FORM", "SUCH AS")
    transfer = session.resolve(IdKind.TRANSFER, transfer)
    paging.show(
        session,
        lambda after, size: session.admin.transfers.missing_mappings(
            transfer, after, size, namespace=namespace
        ),
        heads,
        _missing_row,
    )


@command(app, "list")
def list_(
    session: Session,
    paging: Paging,
    migration: Annotated[str, typer.Argument(help=f"The migration: {HELP}.")],
    *,
    namespace: OfNamespace = None,
    prefix: Annotated[
        str, typer.Option("--prefix", help="Only server keys that begin with this.")
    ] = "",
    cloud_key: Annotated[
        str | None,
        typer.Option("--cloud-key", metavar="KEY", help="Only mappings to this cloud key."),
    ] = None,
) -> None:
    """List the mappings that the apps of a migration read, by namespace and server key.

    Cloud keys have no index: --cloud-key looks through all mappings, a million in about a second.
    """
    heads = ("NAMESPACE", "SERVER KEY", "CLOUD KEY", "WRITTEN", "EXPIRES")
    migration = session.resolve(IdKind.MIGRATION, migration)
    paging.show(
        session,
        lambda after, size: session.admin.migrations.mappings(
            migration, after, size, namespace=namespace, prefix=prefix, cloud_key=cloud_key
        ),
        heads,
        lambda each: (
            each.namespace,
            each.server_key,
            each.cloud_key,
            instant(each.written_at),
            instant(each.expires_at),
        ),
    )


@command(app, "diff")
def diff(
    session: Session,
    paging: Paging,
    migration: Annotated[str, typer.Argument(help=f"The migration: {HELP}.")],
    against: Annotated[
        str, typer.Argument(help="Earlier migration of the same scope, given the same way.")
    ],
    *,
    namespace: OfNamespace = None,
) -> None:
    """List the mappings that were added, changed or are missing since an earlier migration."""
    heads = ("WHAT", "NAMESPACE", "SERVER KEY", "OLD", "NEW")
    migration = session.resolve(IdKind.MIGRATION, migration)
    against = session.resolve(IdKind.MIGRATION, against)
    paging.show(
        session,
        lambda after, size: session.admin.migrations.diff_mappings(
            migration, against, after, size, namespace=namespace
        ),
        heads,
        lambda each: (
            each.kind.value,
            each.namespace,
            each.server_key,
            each.old_cloud_key,
            each.new_cloud_key,
        ),
    )


def _missing_row(keys: MissingKeys) -> tuple[object, ...]:
    count = str(keys.count) if keys.exact else f"about {keys.count}"
    form = f"nearest: {keys.nearest or keys.expected}" if keys.wrong_form else None
    return (keys.namespace, count, instant(keys.asked_at), form, ", ".join(keys.sample[:3]))
