"""Paged reads as values: narrowed first, sent afterwards, by either face."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Self, TypeVar

import msgspec

from ferryman.sdk.operation import Operation, json_operation

V = TypeVar("V")
T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class Query(Generic[V]):
    """A paged read that is not sent yet."""

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
    """What the builders of both faces share; ``T`` is the transport that sends."""

    _transport: T
    _query: Query[V]
    _limit: int | None = None
    _cursor: str | None = None

    def limit(self, limit: int) -> Self:
        """Ask for pages of at most this many entries."""
        return replace(self, _limit=limit)

    def cursor(self, cursor: str | None) -> Self:
        """Go on after an earlier page's ``next_cursor``."""
        return replace(self, _cursor=cursor)

    def _first(self) -> Operation[ListResults[V]]:
        return self._query.page(1, self._cursor)

    def _page(self) -> Operation[ListResults[V]]:
        return self._query.page(self._limit, self._cursor)
