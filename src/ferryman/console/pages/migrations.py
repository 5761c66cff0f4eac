"""Migrations: transfers of all of them with filters, a new plan, one migration, its mappings."""

from asyncio import gather
from typing import Any

from litestar import get, post
from litestar.datastructures import UploadFile
from litestar.exceptions import ValidationException
from litestar.response import Redirect, Template

from ferryman.archive_vocab import Archived
from ferryman.console.forecasts import forecasts_of
from ferryman.console.pages.all_apps import all_apps, customers_of
from ferryman.console.pages.parameters import (
    App,
    Archive,
    Cause,
    Columns,
    Cursor,
    Customer,
    Environment,
    Id,
    OwnVisit,
    Site,
    Sort,
    Status,
    Stuck,
    Text,
    shown_of,
)
from ferryman.console.pages.transfer_frame import RERUNNABLE
from ferryman.console.pages.views import views_of
from ferryman.vocab import ContainerType, FailureCause, TransferSort, TransferStatus
from ferryman.wire.link import LinkPage
from ferryman.wire.migration import Container, MappingCounts, MigrationRequest, MigrationView
from ferryman.wire.transfer import RerunAnswer, TransferPage

ARCHIVES = {Archived.ONLY.value: "only", Archived.ANY.value: "with the others"}
"""Labels of the filter of archived migrations; by default they are hidden."""

COLUMNS = ("app", "site", "progress", "files", "size", "time left", "started")
"""The columns of the list that can be left out."""

_MAPPING_BYTES = 32 << 20
"""The largest file of mappings that a page accepts; the command line takes any size."""


@get("/migrations")
async def migrations_page(
    visit: OwnVisit,
    *,
    status: Status = "",
    app: App = "",
    environment: Environment = "",
    site: Site = "",
    cause: Cause = "",
    text: Text = "",
    stuck: Stuck = "",
    sort: Sort = "",
    customer: Customer = "",
    archived: Archive = "",
    columns: Columns = None,
    cursor: Cursor = "",
) -> Template:
    """List transfers with their migrations, with filters."""
    filters = {
        "status": status,
        "environment": environment,
        "site": site,
        "cause": cause,
        "text": text,
        "stuck": stuck,
        "sort": sort,
        "customer": customer,
        "archived": archived,
    }
    shown = shown_of(COLUMNS, columns)
    found, apps, views = await gather(
        visit.calls.get(
            "/transfers",
            TransferPage,
            cloudAppKey=app,
            cursor=cursor,
            pageSize=50,
            count="true",
            maxAge=visit.count_age,
            **filters,
        ),
        all_apps(visit),
        views_of(visit, "migrations"),
    )
    return await visit.page(
        "migrations.html",
        "migrations",
        found=found,
        views=views,
        columns=COLUMNS,
        filters={**filters, "app": app, "columns": shown},
        apps=sorted({each.cloud_app_key for each in apps}),
        statuses=list(TransferStatus),
        causes=list(FailureCause),
        sorts=list(TransferSort),
        archives=ARCHIVES,
    )


@get("/migrations/new")
async def new_migration_page(visit: OwnVisit) -> Template:
    """Show the form of a new plan."""
    apps = await all_apps(visit)
    visit.require("create_migration")
    apps.sort(key=lambda each: (each.cloud_app_key, each.environment))
    customers = await customers_of(visit)
    return await visit.page("migration_new.html", "migrations", apps=apps, customers=customers)


@post("/migrations", status_code=200)
async def create_migration(visit: OwnVisit) -> Redirect:
    """Create a migration, and show it."""
    form: Any = visit.form
    request = MigrationRequest(
        name=str(form.get("name", "")),
        cloud_url=str(form.get("site", "")),
        source_id=str(form.get("source", "")),
        apps=[str(each) for each in form.getall("apps", [])],
        containers=[_container(line) for line in str(form.get("containers", "")).splitlines()],
        customer=str(form.get("customer", "")) or None,
        request_key=str(form.get("key", "")) or None,
    )
    made = await visit.calls.post("/migrations", MigrationView, request)
    return visit.to(f"migrations/{made.migration_id}")


def _container(line: str) -> Container:
    kind, _, rest = line.strip().partition(":")
    key, _, name = rest.partition(":")
    try:
        return Container(type=ContainerType(kind), key=key or None, name=name or None)
    except ValueError:
        kinds = ", ".join(ContainerType)
        detail = f"a container {line!r}; write TYPE:KEY:NAME, TYPE being one of {kinds}"
        raise ValidationException(detail=detail) from None


@get("/migrations/{migration_id:str}")
async def migration_page(visit: OwnVisit, migration_id: Id) -> Template:
    """Show a migration: its plan and the transfer of each app."""
    view, found = await gather(
        visit.calls.get(f"/migrations/{migration_id}", MigrationView),
        visit.calls.get("/transfers", TransferPage, migrationId=migration_id, pageSize=200),
    )
    rerun = {each.original_transfer_id for each in found.items}
    again = [
        each for each in found.items if each.status in RERUNNABLE and each.transfer_id not in rerun
    ]
    links = None
    if visit.may("create_migration_link"):
        links = (await visit.calls.get(f"/migrations/{migration_id}/links", LinkPage)).items
    return await visit.page(
        "migration.html",
        "migrations",
        view=view,
        links=links,
        found=found,
        forecasts=await forecasts_of(visit, found.items),
        again=again,
        # Of all its transfers; the list may have the newest alone.
        live=any(not TransferStatus(each).final for each in view.statuses),
        counts=None,
    )


@post("/migrations/{migration_id:str}/start", status_code=200)
async def start_migration(visit: OwnVisit, migration_id: Id) -> Redirect:
    """Offer the transfers to their agents."""
    await visit.calls.post(f"/migrations/{migration_id}/start", MigrationView)
    return visit.to(f"migrations/{migration_id}")


@post("/migrations/{migration_id:str}/rerun", status_code=200)
async def rerun_failed(visit: OwnVisit, migration_id: Id) -> Redirect:
    """Re-run the named transfers, which are those that failed."""
    form: Any = visit.form
    for transfer_id in form.getall("transfer", []):
        await visit.calls.post(f"/transfers/{transfer_id}/rerun", RerunAnswer)
    return visit.to(f"migrations/{migration_id}")


@post(
    "/migrations/{migration_id:str}/mappings",
    status_code=200,
    request_max_body_size=_MAPPING_BYTES,
)
async def load_mappings(visit: OwnVisit, migration_id: Id) -> Template:
    """Load mappings from a file or from the text of the form, and show how many."""
    sent = visit.form.get("file")
    if isinstance(sent, UploadFile) and sent.filename:
        rows, csv = await sent.read(), sent.filename.lower().endswith(".csv")
    else:
        rows = str(visit.form.get("rows", "")).replace("\r\n", "\n").strip().encode()
        csv = not rows.startswith(b"{")
    kind = "text/csv" if csv else "application/x-ndjson"
    path = f"/migrations/{migration_id}"
    counts = await visit.calls.put(f"{path}/mappings", MappingCounts, rows, kind)
    view = await visit.calls.get(path, MigrationView)
    return await visit.page("mappings_loaded.html", "migrations", view=view, counts=counts)


MIGRATION_PAGES = [
    migrations_page,
    new_migration_page,
    create_migration,
    migration_page,
    start_migration,
    rerun_failed,
    load_mappings,
]
