"""Pages of mappings and containers, and what is told about mappings."""

from enum import StrEnum

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


class MissingKeys(Wire, frozen=True):
    """Keys of a namespace that a transfer asked for and did not find.

    ``count`` counts distinct keys; where it is not ``exact``, it may be off by a tenth or two.
    With ``wrong_form`` no mapping can have such keys: ``expected`` says what they look like.
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
    """By namespace."""

    items: list[MissingKeys]
    next_cursor: str | None = None


class DifferenceKind(StrEnum):
    """Of a migration, against an earlier one."""

    ADDED = "ADDED"
    CHANGED = "CHANGED"
    MISSING = "MISSING"


class Difference(Wire, frozen=True):
    """A key that two migrations did not map alike; null where one has no mapping of it."""

    kind: DifferenceKind
    namespace: str
    server_key: str
    old_cloud_key: str | None
    new_cloud_key: str | None


class DifferencePage(Wire, frozen=True):
    """By namespace and server key; a page that is not full need not be the last."""

    items: list[Difference]
    next_cursor: str | None = None
