"""Make and revoke the links to a migration for the customer's people."""

from litestar import post
from litestar.exceptions import ValidationException
from litestar.params import FromPath
from litestar.response import Redirect, Template

from ferryman.console.pages.parameters import Id, OwnVisit
from ferryman.wire.link import IssuedLink, LinkRequest, MigrationLinkView
from ferryman.wire.migration import MigrationView

_DAY_SECONDS = 86_400


@post("/migrations/{migration_id:str}/links", status_code=200)
async def make_migration_link(visit: OwnVisit, migration_id: Id) -> Template:
    """Make a link, and show it once."""
    days = str(visit.form.get("days", ""))
    if not days.isascii() or not days.isdigit() or len(days) > 3:
        raise ValidationException(detail=f"{days!r:.40} days; write a whole number from 1 to 90")
    note = str(visit.form.get("note", "")).strip() or None
    request = LinkRequest(
        seconds=int(days) * _DAY_SECONDS, note=note, report=bool(visit.form.get("report"))
    )
    path = f"/migrations/{migration_id}"
    made = await visit.calls.post(f"{path}/links", IssuedLink, request)
    view = await visit.calls.get(path, MigrationView)
    return await visit.page("link_made.html", "migrations", view=view, made=made)


@post("/migrations/{migration_id:str}/links/{link_id:str}/revoke", status_code=200)
async def revoke_link(visit: OwnVisit, migration_id: Id, link_id: FromPath[str]) -> Redirect:
    """Revoke a link."""
    await visit.calls.post(f"/migrations/{migration_id}/links/{link_id}/revoke", MigrationLinkView)
    return visit.to(f"migrations/{migration_id}")


LINK_PAGES = [make_migration_link, revoke_link]
