"""Values that an app keeps in Forge's services (admin surface). Times are epoch milliseconds."""

from typing import Any

from ferryman.object_vocab import ChecksumType
from ferryman.wire.base import Wire


class StateEntry(Wire, frozen=True):
    """A value that an app keeps on a site; a secret shows no value.

    ``entity`` is that of a value of a custom entity, None for others; ``size`` is that of the
    value's JSON in bytes.
    """

    site: str
    key: str
    secret: bool
    value: Any
    size: int | None
    created_at: int
    updated_at: int
    expires_at: int | None
    entity: str | None = None


class StatePage(Wire, frozen=True):
    """Values by site, entity and key; those of no entity come first, secrets last."""

    items: list[StateEntry]
    next_cursor: str | None = None


class StateTable(Wire, frozen=True):
    """A table of an app's SQL database on a site; no ``rows`` if counting them takes too long."""

    site: str
    table: str
    rows: int | None


class StateTablePage(Wire, frozen=True):
    """Tables by site and name."""

    items: list[StateTable]
    next_cursor: str | None = None


class StateObject(Wire, frozen=True):
    """An object that an app keeps on a site; ``cdn`` tells its bucket.

    ``checksum`` is in base64, of the kind ``checksum_type``; ``size`` is in bytes.
    """

    site: str
    key: str
    cdn: bool
    size: int
    content_type: str
    checksum: str
    checksum_type: ChecksumType
    created_at: int


class StateObjectPage(Wire, frozen=True):
    """Objects by site, bucket and key."""

    items: list[StateObject]
    next_cursor: str | None = None


class NewStateEntry(Wire, frozen=True, forbid_unknown_fields=True):
    """A value to keep under a key, a secret, or a value of an entity of the manifest."""

    key: str
    value: Any
    secret: bool = False
    entity: str | None = None


class StateLoad(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/v1/apps/{appId}/state``: values that replace those of their keys."""

    site: str
    entries: list[NewStateEntry]


class LoadedState(Wire, frozen=True):
    """How many values were stored."""

    stored: int


class StateReset(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/v1/apps/{appId}/state/reset``; without ``site``, all sites."""

    site: str | None = None


class ResetState(Wire, frozen=True):
    """How many values were deleted, and how many SQL databases and objects."""

    removed: int
    databases: int
    objects: int = 0
