"""Links to the page of one migration, and what that page shows. Times are epoch milliseconds."""

from ferryman.vocab import TransferStatus
from ferryman.wire.base import Wire


class LinkRequest(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/v1/migrations/{migrationId}/links``; ``note`` says who it is for.

    ``report``: the link also opens the report, which names causes, errors and people.
    """

    seconds: int = 14 * 86_400
    note: str | None = None
    report: bool = False


class MigrationLinkView(Wire, frozen=True):
    """A link to one migration, without what opens it."""

    link_id: str
    migration_id: str
    note: str | None
    created_at: int
    created_by: str
    expires_at: int
    revoked_at: int | None
    works: bool
    report: bool = False


class IssuedLink(Wire, frozen=True):
    """Response to making a link; ``url``, which opens the page, is shown only once."""

    url: str
    link: MigrationLinkView


class LinkPage(Wire, frozen=True):
    """Links to a migration, oldest first."""

    items: list[MigrationLinkView]
    next_cursor: str | None = None


class SharedPart(Wire, frozen=True):
    """The part of one app in a migration: its newest transfer of a name.

    ``processed`` and ``failed`` count files that the app said it has, or has not, taken over.
    ``deadline`` is the moment by which something must move.
    """

    app: str
    name: str | None
    status: TransferStatus
    progress: int
    files: int
    processed: int
    failed: int
    bytes: int
    started_at: int | None
    settled_at: int | None
    deadline: int | None


class SharedMigration(Wire, frozen=True):
    """Response of ``GET /shared/v1/migration``: what a customer's people see of a migration.

    ``now`` is platform time; the link works until ``link_expires_at``, and opens the report as well
    if ``report`` says so.
    """

    name: str
    site: str
    created_at: int
    started_at: int | None
    progress: int
    parts: list[SharedPart]
    now: int
    link_expires_at: int
    report: bool = False
