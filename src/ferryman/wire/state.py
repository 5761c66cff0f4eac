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
    """A table or view of an app's SQL database on a site, with the statement that makes it.

    No ``rows`` if it is a view, or if counting them takes too long.
    """

    site: str
    table: str
    rows: int | None
    view: bool = False
    definition: str | None = None


class StateTablePage(Wire, frozen=True):
    """Tables by site and name; views come after the tables of their site."""

    items: list[StateTable]
    next_cursor: str | None = None


class StateTableRow(Wire, frozen=True):
    """A row of a table, by its columns; the bytes of a binary one are ``{"base64": "…"}``."""

    site: str
    table: str
    row: Any


class StateTableRowPage(Wire, frozen=True):
    """Rows by site, table and primary key."""

    items: list[StateTableRow]
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


class LoadedFile(Wire, frozen=True):
    """What ``ferryman state load`` stored: values, rows and objects, and the tables it made."""

    stored: int
    tables: int = 0
    rows: int = 0
    objects: int = 0


class ExportedState(Wire, frozen=True):
    """What ``ferryman state export`` wrote; ``secrets`` are those that it left out."""

    values: int
    secrets: int
    tables: int
    rows: int
    objects: int


class RowsLoad(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/v1/apps/{appId}/state/rows``: rows that replace those of their keys.

    ``definition`` is the statement that makes the table or view if there is none.
    """

    site: str
    table: str
    definition: str | None = None
    columns: list[str] = []
    rows: list[list[Any]] = []


class LoadedRows(Wire, frozen=True):
    """How many rows were stored, and whether the table was made."""

    stored: int
    made: bool


class ObjectPlace(Wire, frozen=True, forbid_unknown_fields=True):
    """An object of an app, by its site, bucket and key."""

    site: str
    key: str
    cdn: bool = False


class ObjectLoad(Wire, frozen=True, forbid_unknown_fields=True):
    """An object that will be sent; ``size`` is in bytes, ``checksum`` in base64."""

    site: str
    key: str
    size: int
    checksum: str
    checksum_type: ChecksumType
    cdn: bool = False


class StateObjectUrl(Wire, frozen=True):
    """A signed URL of an object's bytes."""

    url: str


class StateReset(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/v1/apps/{appId}/state/reset``; without ``site``, all sites."""

    site: str | None = None


class ResetState(Wire, frozen=True):
    """How many values were deleted, and how many SQL databases and objects."""

    removed: int
    databases: int
    objects: int = 0
