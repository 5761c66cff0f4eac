"""``ferryman state``: show, load and reset what an app keeps in Forge's services."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ferryman.cli.apps.installation import Name
from ferryman.cli.command import Paging, command
from ferryman.cli.session import Session
from ferryman.client.state_export import export as export_state
from ferryman.client.state_file import load as load_file
from ferryman.client.text import minute
from ferryman.text import plural
from ferryman.vocab import IdKind
from ferryman.wire.state import ExportedState, LoadedFile, ResetState, StateEntry

app = typer.Typer(
    help="Show, load and reset what an app keeps in Forge's services.",
    no_args_is_help=True,
)

_SHOWN = 60

Site = Annotated[
    str | None, typer.Option("--site", help="Only this site, by its URL; by default all.")
]


@command(app, "show")
def show(
    session: Session,
    paging: Paging,
    name: Name,
    *,
    site: Site = None,
    prefix: Annotated[
        str | None, typer.Option("--prefix", help="Only values whose keys begin with this.")
    ] = None,
) -> None:
    """List an app's values by site and key; of secrets, the keys alone.

    A table shows the beginning of each value, JSON output all of it.
    """
    name = session.resolve(IdKind.APP, name)
    paging.show(
        session,
        lambda after, size: session.admin.state.list(name, after, size, site=site, prefix=prefix),
        ("SITE", "ENTITY", "KEY", "VALUE", "UPDATED", "EXPIRES"),
        _row,
    )


@command(app, "tables")
def tables(session: Session, paging: Paging, name: Name, *, site: Site = None) -> None:
    """List the tables and views of an app's SQL databases, with their numbers of rows.

    JSON output has the statements that create them.
    """
    name = session.resolve(IdKind.APP, name)
    paging.show(
        session,
        lambda after, size: session.admin.state.tables(name, after, size, site=site),
        ("SITE", "TABLE", "ROWS"),
        lambda each: (each.site, each.table, "(view)" if each.view else each.rows),
    )


@command(app, "rows")
def rows(
    session: Session,
    paging: Paging,
    name: Name,
    *,
    site: Site = None,
    table: Annotated[str | None, typer.Option("--table", help="Only this table's rows.")] = None,
) -> None:
    """List the rows of an app's SQL databases, by site, table and primary key.

    A table shows the beginning of each row, JSON output all of it; bytes are in base64.
    """
    name = session.resolve(IdKind.APP, name)
    paging.show(
        session,
        lambda after, size: session.admin.state.rows(name, after, size, site=site, table=table),
        ("SITE", "TABLE", "ROW"),
        lambda each: (each.site, each.table, _cut(msgspec.json.encode(each.row).decode())),
    )


@command(app, "objects")
def objects(session: Session, paging: Paging, name: Name, *, site: Site = None) -> None:
    """List the objects that an app keeps, by site, bucket and key, with their sizes."""
    name = session.resolve(IdKind.APP, name)
    paging.show(
        session,
        lambda after, size: session.admin.state.objects(name, after, size, site=site),
        ("SITE", "BUCKET", "KEY", "BYTES", "TYPE", "CREATED"),
        lambda each: (
            *(each.site, "cdn" if each.cdn else "", each.key, each.size, each.content_type),
            minute(each.created_at),
        ),
    )


@command(app, "export")
def export(
    session: Session,
    name: Name,
    folder: Annotated[Path, typer.Argument(help="Folder to write; it must be empty or missing.")],
    *,
    site: Site = None,
) -> None:
    """Write what an app keeps to a folder: values, tables with rows, and objects with bytes.

    `ferryman state load` reads it. Secrets are left out. What the app writes during
    the export may be missing.
    """
    name = session.resolve(IdKind.APP, name)
    done = export_state(session.admin.state, name, folder, site)

    def text(done: ExportedState) -> str:
        left_out = f"; {plural(done.secrets, 'secret')} left out" if done.secrets else ""
        return (
            f"{plural(done.values, 'value')}, {plural(done.tables, 'table')} with "
            f"{plural(done.rows, 'row')} and {plural(done.objects, 'object')} written{left_out}"
        )

    session.show(done, text)


@command(app, "load")
def load(
    session: Session,
    name: Name,
    file: Annotated[
        str, typer.Argument(help="File to load, folder of an export, or - for standard input.")
    ],
    *,
    site: Annotated[
        str | None, typer.Option("--site", help="Site to load it for, instead of the file's.")
    ] = None,
) -> None:
    """Store values, tables, rows and objects for an app.

    The file has JSON lines of key, value, secret and entity; of table and row; or what another
    command of `ferryman state` printed with `--json`. Tables are made where there are none.
    Values, rows and objects of other keys stay; reset first to begin with an empty store. More
    than a thousand are stored in steps; if one is refused, the steps before it stay.
    """
    name = session.resolve(IdKind.APP, name)

    def text(loaded: LoadedFile) -> str:
        more = {"new table": loaded.tables, "row": loaded.rows, "object": loaded.objects}
        told = [plural(count, what) for what, count in more.items() if count]
        values = [f"{loaded.stored} values"] if loaded.stored or not told else []
        return f"{', '.join([*values, *told])} stored"

    session.show(load_file(session.admin.state, name, file, site), text)


@command(app, "reset")
def reset(
    session: Session,
    name: Name,
    *,
    site: Site = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
) -> None:
    """Delete an app's stored data on a site, or on all sites."""
    where = f"on {site}" if site else "on all sites"
    if not yes:
        typer.confirm(f"Delete all that {name} keeps {where}?", abort=True, err=True)

    def text(removed: ResetState) -> str:
        dropped = f", {removed.databases} SQL databases dropped" if removed.databases else ""
        objects = f", {removed.objects} objects deleted" if removed.objects else ""
        return f"{removed.removed} values deleted{objects}{dropped}"

    session.show(session.admin.state.reset(session.resolve(IdKind.APP, name), site), text)


def _row(entry: StateEntry) -> tuple[object, ...]:
    value = "(secret)" if entry.secret else _cut(msgspec.json.encode(entry.value).decode())
    times = minute(entry.updated_at), minute(entry.expires_at)
    return entry.site, entry.entity or "", entry.key, value, *times


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text.encode())} bytes)"
