"""Copy a migration, archive it, and bring it back."""

from litestar import post
from litestar.response import Redirect

from ferryman.console.pages.parameters import Id, OwnVisit
from ferryman.wire.migration import MigrationCopy, MigrationView


@post("/migrations/{migration_id:str}/copy", status_code=200)
async def copy_migration(visit: OwnVisit, migration_id: Id) -> Redirect:
    """Create a migration with the same apps and containers under a name, and show it."""
    request = MigrationCopy(
        name=str(visit.form.get("name", "")), request_key=str(visit.form.get("key", "")) or None
    )
    made = await visit.calls.post(f"/migrations/{migration_id}/copy", MigrationView, request)
    return visit.to(f"migrations/{made.migration_id}")


@post("/migrations/{migration_id:str}/archive", status_code=200)
async def archive_migration(visit: OwnVisit, migration_id: Id) -> Redirect:
    """Leave a migration that has ended out of lists."""
    await visit.calls.post(f"/migrations/{migration_id}/archive", MigrationView)
    return visit.to(f"migrations/{migration_id}")


@post("/migrations/{migration_id:str}/unarchive", status_code=200)
async def unarchive_migration(visit: OwnVisit, migration_id: Id) -> Redirect:
    """List an archived migration again."""
    await visit.calls.post(f"/migrations/{migration_id}/unarchive", MigrationView)
    return visit.to(f"migrations/{migration_id}")


ARCHIVE_PAGES = [copy_migration, archive_migration, unarchive_migration]
