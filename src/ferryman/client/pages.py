"""Read lists page by page: a number of items from a cursor on, or all of them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_LARGEST_PAGE = 1_000


class Page(Protocol[T_co]):
    """One page of a list."""

    @property
    def items(self) -> Sequence[T_co]:
        """The items of this page."""

    @property
    def next_cursor(self) -> str | None:
        """Beginning of the next page; None on the last."""


Fetch = Callable[[str | None, int], Page[T]]
"""Gets the page at a cursor, of at most so many items."""


def items(fetch: Fetch[T]) -> Iterator[T]:
    """Give every item of a list, page by page."""
    cursor = None
    while True:
        page = fetch(cursor, _LARGEST_PAGE)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def gather(fetch: Fetch[T], limit: int | None, cursor: str | None) -> tuple[list[T], str | None]:
    """Return up to ``limit`` items from ``cursor`` on (None: all), and the cursor after them."""
    gathered: list[T] = []
    for page in pages(fetch, limit, cursor):
        gathered += page.items
        cursor = page.next_cursor
    return gathered, cursor


def pages(fetch: Fetch[T], limit: int | None, cursor: str | None) -> Iterator[Page[T]]:
    """Yield pages from ``cursor`` on, of up to ``limit`` items together (None: all)."""
    count = 0
    while True:
        size = _LARGEST_PAGE if limit is None else min(_LARGEST_PAGE, limit - count)
        page = fetch(cursor, size)
        count += len(page.items)
        yield page
        cursor = page.next_cursor
        if cursor is None or (limit is not None and count >= limit):
            return
