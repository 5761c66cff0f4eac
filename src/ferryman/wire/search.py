"""Hits of the search over everything (admin surface)."""

from ferryman.vocab import IdKind
from ferryman.wire.base import Wire


class Hit(Wire, frozen=True):
    """Something found: its id, what people call it, and which of its texts matched.

    ``matched`` is ``id``, ``name``, ``key``, ``label`` or ``error``, and ``text`` is that text.
    ``key`` is the app's key with its environment.
    """

    kind: IdKind
    id: str
    name: str
    matched: str
    text: str
    status: str | None = None
    key: str | None = None
    customer: str | None = None
    transfer_id: str | None = None
    migration_id: str | None = None


class SearchAnswer(Wire, frozen=True):
    """Response of ``GET /admin/v1/search``: hits by id first; ``more``: others match too."""

    items: list[Hit]
    more: bool = False
