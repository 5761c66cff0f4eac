"""Links to one migration for the customer's people: made by operators, read by who has one."""

from typing import Any

from litestar import Request, get, post
from litestar.params import JSONBody
from litestar.response import Stream

from ferryman.api.auth import SHARED, authorization
from ferryman.api.parameters import (
    STRICT_QUERY,
    Author,
    Cursor,
    Id,
    OwnLifecycle,
    OwnPlatform,
    PageSize,
)
from ferryman.api.report import download
from ferryman.api.report_page import page_lines
from ferryman.api.router import Router
from ferryman.services import migration_link
from ferryman.services.lifecycle import Lifecycle
from ferryman.services.platform import Platform
from ferryman.services.report import Report
from ferryman.wire.link import IssuedLink, LinkPage, LinkRequest, MigrationLinkView, SharedMigration


@post("/migrations/{migration_id:str}/links", status_code=200)
async def create_migration_link(
    platform: OwnPlatform, actor: Author, migration_id: Id, data: JSONBody[LinkRequest]
) -> IssuedLink:
    """Make a link to a page with the progress of one migration, for people without an account."""
    return await migration_link.create(platform, migration_id, data, actor)


@get("/migrations/{migration_id:str}/links")
async def list_migration_links(
    platform: OwnPlatform, migration_id: Id, cursor: Cursor = None, size: PageSize = None
) -> LinkPage:
    """List the links to a migration, oldest first, without their codes."""
    return await migration_link.page(platform, migration_id, cursor=cursor, size=size)


@post("/migrations/{migration_id:str}/links/{link_id:str}/revoke", status_code=200)
async def revoke_migration_link(
    platform: OwnPlatform, actor: Author, migration_id: Id, link_id: Id
) -> MigrationLinkView:
    """Revoke a link to a migration, immediately on every replica; repeatable."""
    return await migration_link.revoke(platform, migration_id, link_id, actor)


@get("/migration")
async def get_shared_migration(
    request: Request[Any, Any, Any], platform: OwnPlatform
) -> SharedMigration:
    """Return the progress of the migration that the caller's link opens."""
    scheme, code = authorization(request)
    found = await migration_link.shared(platform, code if scheme == "bearer" else "")
    request.scope["state"][SHARED] = True
    return found


@get("/report", media_type="application/json")
async def get_shared_report(
    request: Request[Any, Any, Any], platform: OwnPlatform, lifecycle: OwnLifecycle
) -> Stream:
    """Return the signed report of that migration, if the link was made with it."""
    made = await _report(request, platform, lifecycle)
    return download(made.lines(), "application/json", f"report-{made.migration_id}.json")


@get("/report.html", media_type="text/html")
async def get_shared_report_page(
    request: Request[Any, Any, Any], platform: OwnPlatform, lifecycle: OwnLifecycle
) -> Stream:
    """Return that report as a page to print, which holds the JSON."""
    made = await _report(request, platform, lifecycle)
    return download(page_lines(made), "text/html", f"report-{made.migration_id}.html")


async def _report(
    request: Request[Any, Any, Any], platform: Platform, lifecycle: Lifecycle
) -> Report:
    scheme, code = authorization(request)
    made = await migration_link.report(platform, lifecycle.keys, code if scheme == "bearer" else "")
    request.scope["state"][SHARED] = True
    return made


def shared_router() -> Router:
    """Return the surface for people without an account, who have a link."""
    return Router(
        path="/shared/v1",
        route_handlers=[get_shared_migration, get_shared_report, get_shared_report_page],
        opt=STRICT_QUERY,
        tags=["Shared"],
    )
