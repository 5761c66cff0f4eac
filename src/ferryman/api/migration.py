"""Migrations, for the operator: plan, list and start them."""

from typing import Annotated

from litestar import get, post
from litestar.params import JSONBody, QueryParameter

from ferryman.api.parameters import (
    LONG_LIST_BYTES,
    Author,
    Cursor,
    Id,
    OfApp,
    OfCustomer,
    OwnPlatform,
    PageSize,
)
from ferryman.services import migration as migration_service
from ferryman.vocab import TransferStatus
from ferryman.wire.migration import MigrationPage, MigrationRequest, MigrationView

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
    name: _Name = None,
    transfer_status: _Status = None,
    cloud_app_key: OfApp = None,
    customer: OfCustomer = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> MigrationPage:
    """List migrations, newest first, by name, app or status of a transfer."""
    query = migration_service.MigrationQuery(
        name=name, status=transfer_status, app=cloud_app_key, customer=customer
    )
    return await migration_service.page(platform, query, actor, cursor=cursor, size=size)


@get("/migrations/{migration_id:str}")
async def get_migration(platform: OwnPlatform, migration_id: Id) -> MigrationView:
    """Return a migration with its transfers."""
    return await migration_service.view(platform, migration_id)


@post("/migrations/{migration_id:str}/start", status_code=200)
async def start_migration(platform: OwnPlatform, actor: Author, migration_id: Id) -> MigrationView:
    """Offer the transfers to their agents; repeatable."""
    return await migration_service.start(platform, migration_id, actor)
