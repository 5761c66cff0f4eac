"""Pages of mappings and containers, missing keys, and differences between migrations."""

from enum import StrEnum

from ferryman.wire.base import Wire
from ferryman.wire.migration import Container


class PageMeta(Wire, frozen=True):
    """Paging data: pass ``last_entity`` to the next call; it is null on the last page."""

    page_size: int
    has_next: bool
    last_entity: str | None


class MappingPage(Wire, frozen=True):
    """A page of mappings; ``items`` maps server keys to cloud keys."""

    meta: PageMeta
    items: dict[str, str]


class ContainerPage(Wire, frozen=True):
    """A page of containers of one type."""

    meta: PageMeta
    containers: list[Container]


class MissingKeys(Wire, frozen=True):
    """Keys of a namespace that a transfer requested but did not find.

    ``count`` is the number of distinct keys; unless ``exact``, it may be off by 10 or 20 percent.
    ``wrong_form``: no mapping can have such keys; ``expected`` describes the right form.
    """

    namespace: str
    wrong_form: bool
    count: int
    exact: bool
    sample: list[str]
    asked_at: int
    expected: str | None
    nearest: str | None


class MissingPage(Wire, frozen=True):
    """A page of missing keys, by namespace."""

    items: list[MissingKeys]
    next_cursor: str | None = None


class StoredMapping(Wire, frozen=True):
    """A mapping as apps read it. Times are epoch milliseconds."""

    namespace: str
    server_key: str
    cloud_key: str
    written_at: int
    expires_at: int


class StoredMappingPage(Wire, frozen=True):
    """A page of stored mappings, by namespace and server key."""

    items: list[StoredMapping]
    next_cursor: str | None = None


class DifferenceKind(StrEnum):
    """How a migration's mapping of a key differs from an earlier migration's."""

    ADDED = "ADDED"
    CHANGED = "CHANGED"
    MISSING = "MISSING"


class Difference(Wire, frozen=True):
    """A key that two migrations mapped differently; null means that one has no mapping for it."""

    kind: DifferenceKind
    namespace: str
    server_key: str
    old_cloud_key: str | None
    new_cloud_key: str | None


class DifferencePage(Wire, frozen=True):
    """A page of differences, by namespace and server key; a short page need not be the last."""

    items: list[Difference]
    next_cursor: str | None = None
