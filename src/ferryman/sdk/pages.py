"""Pages of mappings and containers, as a server app walks them."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from ferryman.wire.mapping import ContainerPage, MappingPage
from ferryman.wire.migration import Container

P = TypeVar("P", MappingPage, ContainerPage)


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
        """Yield the pages that are left."""
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
        """Yield the pages that are left."""
        while self.next():
            yield self.get_containers()
