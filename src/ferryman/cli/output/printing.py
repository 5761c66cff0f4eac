"""Print JSON documents, refusals and late failures."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import msgspec
import typer

from ferryman import csv_rows
from ferryman.client.admin import AdminClient
from ferryman.client.explanation import explained, late_failure, link_line
from ferryman.client.pages import Fetch, pages
from ferryman.client.text import refusal_lines
from ferryman.wire.transfer import TransferView


def print_json(value: object) -> None:
    """Print a value on one line, as it crosses the network."""
    typer.echo(msgspec.json.encode(value))


def print_csv(fetch: Fetch[Any], limit: int | None, cursor: str | None) -> str | None:
    """Print up to ``limit`` items (None: all) page by page; return the cursor after them."""
    kind = None
    for page in pages(fetch, limit, cursor):
        if kind is None:
            kind = csv_rows.item_type(type(page))
            typer.echo(csv_rows.head(kind), nl=False)
        typer.echo(csv_rows.rows(kind, page.items), nl=False)
        cursor = page.next_cursor
    return cursor


def print_document(value: object) -> None:
    """Print plain JSON, of values that may hold bytes of names that are not UTF-8."""
    # Bytes: JSON is in UTF-8 on every terminal.
    typer.echo(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def refuse(facts: Mapping[str, Any], *, as_json: bool = False, status: int = 1) -> NoReturn:
    """Report a refusal to people, to programs too ``as_json``, and leave with that exit status."""
    if as_json:
        print_json(facts)
    typer.echo(refusal_lines(facts), err=True)
    raise typer.Exit(status)


def say_late_failures(admin: AdminClient, views: Sequence[TransferView]) -> None:
    """Report on standard error attempts that failed in transfers that succeeded."""
    for view in views:
        if view.status.final and (late := late_failure(explained(admin, view.transfer_id))):
            typer.echo(link_line(late, broken=True), err=True)
