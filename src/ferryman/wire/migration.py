"""Migrations, and the details of them in every event."""

from ferryman.vocab import ContainerType, TransferStatus
from ferryman.wire.base import Wire

ALL_USERS = "ALL_USERS"
"""The only documented selection of users (connect-rest)."""


class MigrationDetails(Wire, frozen=True):
    """``migrationDetails`` of every event; ``created_at`` in epoch milliseconds."""

    migration_id: str
    migration_scope_id: str
    created_at: int
    cloud_url: str
    name: str


class Container(Wire, frozen=True, omit_defaults=True):
    """Something the admin selected; ``selected_users`` only on a ``Site`` (connect-rest)."""

    type: ContainerType
    key: str | None = None
    source_id: str | None = None
    name: str | None = None
    selected_users: str | None = None


class MigrationRequest(Wire, frozen=True):
    """Body of ``POST /admin/v1/migrations``; ``apps`` are cloud app keys or ``key@environment``.

    ``customer`` may be left out where the caller has only one. With a ``request_key`` that is not
    empty, the same request has the same answer, however often it is sent: only the first one
    creates anything.
    """

    name: str
    cloud_url: str
    source_id: str
    apps: list[str]
    containers: list[Container] = []
    customer: str | None = None
    request_key: str | None = None


class TransferBrief(Wire, frozen=True):
    """One app's transfer within a migration."""

    transfer_id: str
    cloud_app_key: str
    status: TransferStatus
    environment: str = "development"
    original_transfer_id: str | None = None
    transfer_name: str | None = None
    blocking: bool = True
    depends_on: list[str] = []
    progress: int = 0
    files: int = 0
    bytes: int = 0
    paused_at: int | None = None


class AppStatus(Wire, frozen=True):
    """The status of an app's part: one for the newest transfers of all names together."""

    cloud_app_key: str
    environment: str
    status: TransferStatus


class MigrationView(Wire, frozen=True):
    """Response to creating, starting or reading a migration.

    ``statuses``, ``progress`` (the mean), ``files`` and ``bytes`` are those of the transfers that
    were not re-run. ``start_at`` is when it starts by itself, if it has not started,
    and ``archived_at`` since when lists leave it out.
    """

    migration_id: str
    migration_scope_id: str
    name: str
    cloud_url: str
    source_id: str
    created_at: int
    started_at: int | None
    transfers: list[TransferBrief]
    apps: list[AppStatus] = []
    customer: str = "default"
    statuses: dict[str, int] = {}
    progress: int = 0
    files: int = 0
    bytes: int = 0
    start_at: int | None = None
    archived_at: int | None = None


class MigrationCopy(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/v1/migrations/{migrationId}/copy``; by default with the same name.

    With a ``request_key``, the same request has the same answer, however often it is sent.
    """

    name: str | None = None
    request_key: str | None = None


class MigrationSchedule(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/v1/migrations/{migrationId}/schedule``; ``at`` null is never.

    ``at`` is platform time in epoch milliseconds.
    """

    at: int | None


class MigrationPage(Wire, frozen=True):
    """Migrations, by default newest first.

    ``total`` is there if it was asked for; above 10,000 it is an estimate: ``approximate``.
    """

    items: list[MigrationView]
    next_cursor: str | None = None
    total: int | None = None
    approximate: bool = False


class MappingWarning(Wire, frozen=True):
    """Loaded keys whose form does not fit their namespace; ``sample`` has some of them."""

    namespace: str
    count: int
    sample: list[str]
    expected: str
    nearest: str | None


class MappingCounts(Wire, frozen=True, omit_defaults=True):
    """Response to a load of mappings: rows read, and distinct keys written."""

    rows: int
    stored: int
    namespaces: dict[str, int]
    warnings: list[MappingWarning] = []
