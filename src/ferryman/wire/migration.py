"""Migrations and the details of them that every event carries."""

from ferryman.vocab import ContainerType, TransferStatus
from ferryman.wire.base import Wire


class MigrationDetails(Wire, frozen=True):
    """``migrationDetails`` of every event; ``created_at`` in epoch milliseconds."""

    migration_id: str
    migration_scope_id: str
    created_at: int
    cloud_url: str
    name: str


class Container(Wire, frozen=True, omit_defaults=True):
    """One thing the admin selected; ``selected_users`` only on a ``Site`` (connect-rest)."""

    type: ContainerType
    key: str | None = None
    source_id: str | None = None
    name: str | None = None
    selected_users: str | None = None


class MigrationRequest(Wire, frozen=True):
    """``POST /admin/v1/migrations``; ``apps`` are cloud app keys, or ``key@environment``."""

    name: str
    cloud_url: str
    source_id: str
    apps: list[str]
    containers: list[Container] = []


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


class AppStatus(Wire, frozen=True):
    """How far an app's part is: one status of the newest of its transfers of each name."""

    cloud_app_key: str
    environment: str
    status: TransferStatus


class MigrationView(Wire, frozen=True):
    """Answer to creating, starting or reading a migration."""

    migration_id: str
    migration_scope_id: str
    name: str
    cloud_url: str
    source_id: str
    created_at: int
    started_at: int | None
    transfers: list[TransferBrief]
    apps: list[AppStatus] = []


class MigrationPage(Wire, frozen=True):
    """Migrations, newest first."""

    items: list[MigrationView]
    next_cursor: str | None = None


class MappingWarning(Wire, frozen=True):
    """Keys that were loaded although none of their namespace has such a form; ``sample``: some."""

    namespace: str
    count: int
    sample: list[str]
    expected: str
    nearest: str | None


class MappingCounts(Wire, frozen=True, omit_defaults=True):
    """Answer to a load of mappings: rows read, and distinct keys now written by them."""

    rows: int
    stored: int
    namespaces: dict[str, int]
    warnings: list[MappingWarning] = []
