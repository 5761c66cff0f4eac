"""Migrations, for the operator: plan, list and start them."""

from typing import Annotated

from litestar import get, post
from litestar.params import JSONBody, QueryParameter

from ferryman.api.parameters import (
    LONG_LIST_BYTES,
    Author,
    ByAge,
    Count,
    CountAge,
    CreatedFrom,
    CreatedTo,
    Cursor,
    Id,
    InArchive,
    InEnvironment,
    OfApp,
    OfCustomer,
    OfSite,
    OwnPlatform,
    PageSize,
    Stuck,
)
from ferryman.archive_vocab import Archived
from ferryman.services import archive, migration_list, schedule
from ferryman.services import migration as migration_service
from ferryman.vocab import ListSort, TransferStatus
from ferryman.wire.migration import (
    MigrationCopy,
    MigrationPage,
    MigrationRequest,
    MigrationSchedule,
    MigrationView,
)

_Name = Annotated[
    str | None,
    QueryParameter(
        name="name", min_length=1, description="Only migrations whose name contains this text."
    ),
]
_Status = Annotated[
    TransferStatus | None,
    QueryParameter(
        name="status",
        description="Only migrations with a transfer in this status that was not re-run.",
    ),
]
_Text = Annotated[
    str | None,
    QueryParameter(
        name="text",
        min_length=1,
        description="Only where each word begins a word of the name.",
    ),
]


@post("/migrations", status_code=200, request_max_body_size=LONG_LIST_BYTES)
async def create_migration(
    platform: OwnPlatform, actor: Author, data: JSONBody[MigrationRequest]
) -> MigrationView:
    """Create a migration with one READY transfer per app."""
    return await migration_service.create(platform, data, actor)


@get("/migrations")
async def list_migrations(
    platform: OwnPlatform,
    actor: Author,
    *,
    name: _Name = None,
    text: _Text = None,
    transfer_status: _Status = None,
    cloud_app_key: OfApp = None,
    environment: InEnvironment = None,
    stuck: Stuck = None,
    site: OfSite = None,
    created_from: CreatedFrom = None,
    created_to: CreatedTo = None,
    customer: OfCustomer = None,
    archived: InArchive = Archived.NO,
    sort: ByAge = ListSort.NEWEST,
    count: Count = None,
    max_age: CountAge = 0,
    cursor: Cursor = None,
    size: PageSize = None,
) -> MigrationPage:
    """List migrations, newest first, with filters."""
    wanted = migration_list.MigrationQuery(
        name=name,
        text=text,
        status=transfer_status,
        app=cloud_app_key,
        environment=environment,
        stuck=bool(stuck),
        site=site,
        since=created_from,
        to=created_to,
        customer=customer,
        archived=archived,
        sort=sort,
    )
    return await migration_list.page(
        platform, wanted, actor, cursor=cursor, size=size, count=bool(count), max_age=max_age
    )


@get("/migrations/{migration_id:str}")
async def get_migration(platform: OwnPlatform, migration_id: Id) -> MigrationView:
    """Return a migration with its transfers."""
    return await migration_service.view(platform, migration_id)


@post("/migrations/{migration_id:str}/schedule", status_code=200)
async def schedule_migration(
    platform: OwnPlatform, actor: Author, migration_id: Id, data: JSONBody[MigrationSchedule]
) -> MigrationView:
    """Schedule the start of a migration, or cancel the schedule; the last call counts."""
    return await schedule.schedule(platform, migration_id, data, actor)


@post("/migrations/{migration_id:str}/start", status_code=200)
async def start_migration(platform: OwnPlatform, actor: Author, migration_id: Id) -> MigrationView:
    """Offer the transfers to their agents; repeatable."""
    return await migration_service.start(platform, migration_id, actor)


@post("/migrations/{migration_id:str}/copy", status_code=200)
async def copy_migration(
    platform: OwnPlatform, actor: Author, migration_id: Id, data: JSONBody[MigrationCopy]
) -> MigrationView:
    """Create a migration with the apps, containers, site, source and customer of another one."""
    return await archive.copy(platform, migration_id, data, actor)


@post("/migrations/{migration_id:str}/archive", status_code=200)
async def archive_migration(
    platform: OwnPlatform, actor: Author, migration_id: Id
) -> MigrationView:
    """Hide a migration that has ended from lists; repeatable."""
    return await archive.archive(platform, migration_id, actor)


@post("/migrations/{migration_id:str}/unarchive", status_code=200)
async def unarchive_migration(
    platform: OwnPlatform, actor: Author, migration_id: Id
) -> MigrationView:
    """Show an archived migration in lists again; repeatable."""
    return await archive.archive(platform, migration_id, actor, archived=False)
