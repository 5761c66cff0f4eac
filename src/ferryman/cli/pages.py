"""Lists that come in pages: so many items, from a cursor on, or all of them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Protocol, TypeVar

import typer

from ferryman.cli.render import print_json, table

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

LIMIT = 100
_GREATEST_PAGE = 1_000

Limit = Annotated[int, typer.Option("--limit", min=1, help="How many to show.")]
Cursor = Annotated[
    str | None, typer.Option("--cursor", help="Go on where an earlier list stopped.")
]
Everything = Annotated[bool, typer.Option("--all", help="Show all, however many there are.")]


class Page(Protocol[T_co]):
    """What the platform answers to a call for a list."""

    @property
    def items(self) -> Sequence[T_co]:
        """The items of this page."""

    @property
    def next_cursor(self) -> str | None:
        """Where the next page begins; None on the last."""


Fetch = Callable[[str | None, int], Page[T]]
"""Gets the page at a cursor, of at most so many items."""


def pages(fetch: Fetch[T]) -> Iterator[Sequence[T]]:
    """Give every page that there is, from the first on."""
    cursor = None
    while True:
        page = fetch(cursor, _GREATEST_PAGE)
        yield page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def show_list(
    fetch: Fetch[T],
    heads: Sequence[str],
    row: Callable[[T], Sequence[object]],
    *,
    limit: int,
    cursor: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Print a list as a table, or as one document ``{items, nextCursor}``."""
    items, following = _gather(fetch, None if everything else limit, cursor)
    if as_json:
        print_json({"items": items, "nextCursor": following})
        return
    typer.echo(table(heads, map(row, items)) if items else "None.")
    if following is not None:
        typer.echo(f"More: --cursor {following}, or --all.", err=True)


def _gather(fetch: Fetch[T], limit: int | None, cursor: str | None) -> tuple[list[T], str | None]:
    found: list[T] = []
    while True:
        size = _GREATEST_PAGE if limit is None else min(_GREATEST_PAGE, limit - len(found))
        page = fetch(cursor, size)
        found += page.items
        cursor = page.next_cursor
        if cursor is None or (limit is not None and len(found) >= limit):
            return found, cursor
