"""``ferryman migration report``: get the signed report of a migration."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from ferryman.cli.migration.group import MigrationId
from ferryman.cli.session import Session
from ferryman.vocab import IdKind


def report(
    session: Session,
    migration: MigrationId,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write it as a page to print, which holds the JSON."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the JSON to this file.")
    ] = None,
    reread: Annotated[
        bool,
        typer.Option("--verify", help="First read every file again and compare its digests."),
    ] = False,
) -> None:
    """Get a signed report: counts by label, digests, what failed and why, who did what.

    Without a file, the JSON is printed. Check it offline with `ferryman report verify`.
    """
    migration = session.resolve(IdKind.MIGRATION, migration)
    read = session.admin.migrations.read_report
    if html is None or output is not None:
        with read(migration, page=False, reread=reread) as chunks:
            _print(chunks) if output is None else _write(chunks, output)
    if html is not None:
        with read(migration, page=True, reread=reread) as chunks:
            _write(chunks, html)


def _print(chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def _write(chunks: Iterable[bytes], target: Path) -> None:
    """Write the file whole or not at all."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
        draft.replace(target)
        typer.echo(f"{target}  {target.stat().st_size} bytes", err=True)
    finally:
        draft.unlink(missing_ok=True)
