"""``ferryman state``: show, load and reset what an app keeps in Forge's services."""

from typing import Annotated

import msgspec
import typer

from ferryman.cli.apps.installation import Name
from ferryman.cli.command import Paging, command
from ferryman.cli.session import Session
from ferryman.client.state import read_file
from ferryman.client.text import minute
from ferryman.vocab import IdKind
from ferryman.wire.state import LoadedState, ResetState, StateEntry

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
    """List the tables of an app's SQL databases, by site and name, with their numbers of rows."""
    name = session.resolve(IdKind.APP, name)
    paging.show(
        session,
        lambda after, size: session.admin.state.tables(name, after, size, site=site),
        ("SITE", "TABLE", "ROWS"),
        lambda each: (each.site, each.table, each.rows),
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


@command(app, "load")
def load(
    session: Session,
    name: Name,
    file: Annotated[str, typer.Argument(help="File to load, or - for standard input.")],
    *,
    site: Annotated[
        str | None, typer.Option("--site", help="Site to load it for, instead of the file's.")
    ] = None,
) -> None:
    """Store values for an app: JSON lines of key, value, secret and entity, or of `show --json`.

    Values of other keys stay; reset first to begin with an empty store. A file of more than a
    thousand values is stored in steps; if one is refused, the steps before it stay.
    """
    name = session.resolve(IdKind.APP, name)
    stored = sum(
        session.admin.state.load(name, where, entries).stored
        for where, entries in read_file(file, site)
    )
    session.show(LoadedState(stored=stored), lambda loaded: f"{loaded.stored} values stored")


@command(app, "reset")
def reset(
    session: Session,
    name: Name,
    *,
    site: Site = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
) -> None:
    """Delete what an app keeps on a site, or on all sites."""
    where = f"on {site}" if site else "on all sites"
    if not yes:
        typer.confirm(f"Delete all that {name} keeps {where}?", abort=True, err=True)

    def text(removed: ResetState) -> str:
        dropped = f", {removed.databases} SQL databases dropped" if removed.databases else ""
        objects = f", {removed.objects} objects deleted" if removed.objects else ""
        return f"{removed.removed} values deleted{objects}{dropped}"

    session.show(session.admin.state.reset(session.resolve(IdKind.APP, name), site), text)


def _row(entry: StateEntry) -> tuple[object, ...]:
    value = "(secret)" if entry.secret else msgspec.json.encode(entry.value).decode()
    if len(value) > _SHOWN:
        value = f"{value[:_SHOWN]}… ({entry.size} bytes)"
    times = minute(entry.updated_at), minute(entry.expires_at)
    return entry.site, entry.entity or "", entry.key, value, *times
