"""``ferryman mapping``: which server id became which cloud id, and which did not."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TransferSpeedColumn,
)

from ferryman.cli import admin_calls as calls
from ferryman.cli import pages
from ferryman.cli.connection import DATA_DIR, Admin, AsJson, DataDir, Token, Url, connected
from ferryman.cli.render import clean, instant, lines_of, print_json
from ferryman.wire.mapping import MissingKeys
from ferryman.wire.migration import MappingCounts

app = typer.Typer(
    help="Load mappings of server ids to cloud ids; see what is missing or differs.",
    no_args_is_help=True,
)

_PIECE = 1 << 20


class Form(StrEnum):
    """How the rows are written."""

    CSV = "csv"
    NDJSON = "ndjson"


_CONTENT_TYPES = {Form.CSV: "text/csv", Form.NDJSON: "application/x-ndjson"}


@app.callback()
def mapping() -> None:
    """Load mappings of server ids to cloud ids; see what is missing or differs."""


@app.command("load")
def load(
    migration: Annotated[str, typer.Argument(help="The id of the migration.")],
    file: Annotated[str, typer.Argument(help="The file, or - for standard input.")],
    form: Annotated[
        Form | None,
        typer.Option(
            "--format", help="Without it: csv for *.csv, else ndjson.", show_default=False
        ),
    ] = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Load a file of any size: rows of namespace, serverKey, cloudKey; the last one wins.

    All rows are stored, or none of them when one is wrong. In CSV a first line may name the
    columns, also as the migration assistants do (entityType,serverId,cloudId), and blanks around
    a value are dropped; NDJSON keeps them.
    """
    with connected(url, token, data_dir, as_json=as_json) as admin:
        # Asked first, so that a wrong id is found before gigabytes are on their way.
        view = admin.call(calls.get_migration(migration))
        counts = send_file(admin, migration, file, form)
    if as_json:
        print_json(counts)
        return
    apps = ", ".join(f"{each.cloud_app_key} ({each.environment})" for each in view.transfers)
    typer.echo(clean(f"{view.name}: {apps} on {view.cloud_url}"))
    typer.echo(counted(counts))


@app.command("missing")
def missing(
    transfer: Annotated[str, typer.Argument(help="The id of the transfer.")],
    limit: pages.Limit = pages.LIMIT,
    cursor: pages.Cursor = None,
    everything: pages.Everything = False,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """List by namespace how many distinct keys the transfer looked up in vain, and some of them.

    Keys of a form that no mapping of their namespace has are listed apart, with the nearest
    form that there is.
    """
    heads = ("NAMESPACE", "KEYS", "LAST ASKED FOR", "WRONG FORM", "SUCH AS")
    with connected(url, token, data_dir, as_json=as_json) as admin:
        pages.show_list(
            lambda after, size: admin.call(calls.missing_mappings(transfer, after, size)),
            heads,
            _missing_row,
            limit=limit,
            cursor=cursor,
            everything=everything,
            as_json=as_json,
        )


@app.command("diff")
def diff(
    migration: Annotated[str, typer.Argument(help="The id of the migration.")],
    against: Annotated[str, typer.Argument(help="The id of an earlier one of the same scope.")],
    limit: pages.Limit = pages.LIMIT,
    cursor: pages.Cursor = None,
    everything: pages.Everything = False,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """List the mappings that were added, changed or are missing against an earlier migration."""
    heads = ("WHAT", "NAMESPACE", "SERVER KEY", "OLD", "NEW")
    with connected(url, token, data_dir, as_json=as_json) as admin:
        pages.show_list(
            lambda after, size: admin.call(calls.diff_mappings(migration, against, after, size)),
            heads,
            lambda each: (
                each.kind.value,
                each.namespace,
                each.server_key,
                each.old_cloud_key,
                each.new_cloud_key,
            ),
            limit=limit,
            cursor=cursor,
            everything=everything,
            as_json=as_json,
        )


def send_file(admin: Admin, migration_id: str, file: str, form: Form | None) -> MappingCounts:
    """Send the rows of a file, piece by piece, with a progress bar on standard error."""
    if form is None:
        form = Form.CSV if file.lower().endswith(".csv") else Form.NDJSON
    operation = calls.load_mappings(migration_id, _CONTENT_TYPES[form])
    with _opened(file) as (source, size), _progress(file, size) as advance:
        return admin.stream(operation, _pieces(source, advance))


def counted(counts: MappingCounts) -> str:
    """Say how many rows were read and how many keys they wrote."""
    namespaces = {f"  {name}": count for name, count in sorted(counts.namespaces.items())}
    total = f"{counts.rows} rows read, {counts.stored} keys written"
    warnings = [
        f"Warning: {each.count} keys of {each.namespace}, such as {each.sample[0]!r}, are not of "
        f"the form that its keys have: {each.expected}."
        for each in counts.warnings
    ]
    return clean("\n".join([f"{total}\n{lines_of(namespaces)}".rstrip(), *warnings]))


def _missing_row(each: MissingKeys) -> tuple[object, ...]:
    count = str(each.count) if each.exact else f"about {each.count}"
    form = f"nearest: {each.nearest or each.expected}" if each.wrong_form else None
    return (each.namespace, count, instant(each.asked_at), form, ", ".join(each.sample[:3]))


@contextmanager
def _opened(file: str) -> Iterator[tuple[BinaryIO, int | None]]:
    if file == "-":
        yield sys.stdin.buffer, None
        return
    path = Path(file)
    with path.open("rb") as source:
        # A pipe or a device has a size of nothing, which is not its length.
        yield source, path.stat().st_size if path.is_file() else None


@contextmanager
def _progress(file: str, size: int | None) -> Iterator[Callable[[int], None]]:
    name = "standard input" if file == "-" else Path(file).name
    columns = (
        SpinnerColumn(),
        TextColumn("Loading {task.fields[name]}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=size, name=clean(name))
        yield lambda count: progress.advance(task, count)


def _pieces(source: BinaryIO, advance: Callable[[int], None]) -> Iterator[bytes]:
    while piece := source.read(_PIECE):
        yield piece
        advance(len(piece))
