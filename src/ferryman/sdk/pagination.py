"""Reading lists a page at a time, as server apps (``Paginated…``) and cloud apps (queries) do."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Self, TypeVar

import msgspec

from ferryman.sdk.operation import Operation, json_operation
from ferryman.wire.mapping import ContainerPage, MappingPage
from ferryman.wire.migration import Container

P = TypeVar("P", MappingPage, ContainerPage)
V = TypeVar("V")
T = TypeVar("T")


class _Pages(Generic[P]):
    def __init__(self, fetch: Callable[[str | None], P]) -> None:
        self._fetch: Callable[[str | None], P] = fetch
        self._page: P | None = None

    def _advance(self, count: Callable[[P], int]) -> bool:
        """Fetch up to the next page that holds something; False at the end."""
        while self._page is None or self._page.meta.has_next:
            self._page = self._fetch(self._page.meta.last_entity if self._page else None)
            if count(self._page):
                return True
        return False


class PaginatedMapping(_Pages[MappingPage]):
    """Walks the mappings of a namespace, a page at a time.

    Either ``while pages.next(): pages.get_mapping()`` or ``for mapping in pages``.
    """

    def next(self) -> bool:
        """Fetch the next page; False when there is none."""
        return self._advance(lambda page: len(page.items))

    def get_mapping(self) -> dict[str, str]:
        """Return server id → cloud id of the page that ``next`` fetched."""
        return self._page.items if self._page else {}

    def __iter__(self) -> Iterator[dict[str, str]]:
        """Yield the remaining pages."""
        while self.next():
            yield self.get_mapping()


class PaginatedContainers(_Pages[ContainerPage]):
    """Walks the containers of one type, a page at a time, as ``PaginatedMapping`` does."""

    def next(self) -> bool:
        """Fetch the next page; False when there is none."""
        return self._advance(lambda page: len(page.containers))

    def get_containers(self) -> list[Container]:
        """Return the containers of the page that ``next`` fetched."""
        return self._page.containers if self._page else []

    def __iter__(self) -> Iterator[list[Container]]:
        """Yield the remaining pages."""
        while self.next():
            yield self.get_containers()


@dataclass(frozen=True, slots=True)
class Result(Generic[V]):
    """One entry of a query."""

    key: str
    value: V


@dataclass(frozen=True, slots=True)
class ListResults(Generic[V]):
    """A page of entries; ``next_cursor`` goes into ``cursor()``, and is None on the last page."""

    results: list[Result[V]] = field(default_factory=list)
    next_cursor: str | None = None


class Query(msgspec.Struct, Generic[V], frozen=True):
    """Describes a paged read, without sending it; ``read`` decodes a page."""

    path: str
    filter: Mapping[str, str]
    read: Callable[[bytes], ListResults[V]]

    def page(self, limit: int | None, cursor: str | None) -> Operation[ListResults[V]]:
        """Describe the read of one page, of at most ``limit`` entries, after ``cursor``."""
        query = {**self.filter, "pageSize": limit, "lastEntity": cursor}
        raw = json_operation("GET", self.path, msgspec.Raw, query=query)
        return Operation(request=raw.request, parse=lambda answer: self.read(answer.body))


@dataclass(frozen=True, slots=True)
class Builder(Generic[T, V]):
    """Shared by the synchronous and asynchronous builders; ``T`` is the transport that sends."""

    _transport: T
    _query: Query[V]
    _limit: int | None = None
    _cursor: str | None = None

    def limit(self, limit: int) -> Self:
        """Ask for pages of at most this many entries."""
        return replace(self, _limit=limit)

    def cursor(self, cursor: str | None) -> Self:
        """Continue after an earlier page, by its ``next_cursor``."""
        return replace(self, _cursor=cursor)

    def _first(self) -> Operation[ListResults[V]]:
        return self._query.page(1, self._cursor)

    def _page(self) -> Operation[ListResults[V]]:
        return self._query.page(self._limit, self._cursor)
