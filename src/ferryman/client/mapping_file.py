"""Send a file of mapping rows, of any size, with a progress bar on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TransferSpeedColumn,
)

from ferryman.client.admin import AdminClient
from ferryman.client.migrations import CSV, NDJSON
from ferryman.client.text import clean, field_lines
from ferryman.text import plural
from ferryman.wire.migration import MappingCounts, MappingWarning

_PIECE = 1 << 20


class Form(StrEnum):
    """The format of mapping rows."""

    CSV = "csv"
    NDJSON = "ndjson"


_CONTENT_TYPES = {Form.CSV: CSV, Form.NDJSON: NDJSON}


def send_file(admin: AdminClient, migration_id: str, file: str, form: Form | None) -> MappingCounts:
    """Send the rows of a file, piece by piece, with a progress bar on standard error."""
    if form is None:
        form = Form.CSV if file.lower().endswith(".csv") else Form.NDJSON
    with _opened(file) as (source, size), _progress(file, size) as advance:
        rows = _pieces(source, advance)
        return admin.migrations.load_mappings(migration_id, _CONTENT_TYPES[form], rows)


def counts_text(counts: MappingCounts) -> str:
    """Say how many rows were read and how many keys they wrote."""
    namespaces = {f"  {name}": count for name, count in sorted(counts.namespaces.items())}
    total = f"{plural(counts.rows, 'row')} read, {plural(counts.stored, 'key')} written"
    warnings = [
        f"Warning: {warning.count} keys of {warning.namespace}, such as {warning.sample[0]!r}, "
        f"are not of the form that its keys have: {warning.expected}{_nearest(warning)}."
        for warning in counts.warnings
    ]
    return clean("\n".join([f"{total}\n{field_lines(namespaces)}".rstrip(), *warnings]))


def _nearest(warning: MappingWarning) -> str:
    return "" if warning.nearest in (None, warning.expected) else f"; nearest: {warning.nearest}"


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
