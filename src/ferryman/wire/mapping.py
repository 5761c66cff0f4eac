"""Pages of mappings and containers."""

from ferryman.wire.base import Wire
from ferryman.wire.migration import Container


class PageMeta(Wire, frozen=True):
    """``last_entity`` goes into the next call; null on the last page."""

    page_size: int
    has_next: bool
    last_entity: str | None


class MappingPage(Wire, frozen=True):
    """``items`` maps server key to cloud key."""

    meta: PageMeta
    items: dict[str, str]


class ContainerPage(Wire, frozen=True):
    """Containers of one type."""

    meta: PageMeta
    containers: list[Container]
