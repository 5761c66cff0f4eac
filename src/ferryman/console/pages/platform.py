"""The platform itself: readiness, storage, mappings, audit, the clock, search."""

from asyncio import gather
from typing import Annotated

from litestar import get, post
from litestar.params import QueryParameter
from litestar.response import Redirect, Template

from ferryman.archive_vocab import Archived
from ferryman.console.names import called
from ferryman.console.pages.parameters import Columns, Cursor, Id, OwnVisit, shown_of
from ferryman.console.visit import Visit, inner_page
from ferryman.vocab import IdKind, TransferSort, TransferStatus
from ferryman.wire.audit import AuditPage
from ferryman.wire.clock import ClockAdvance, ClockView
from ferryman.wire.mapping import DifferencePage, StoredMappingPage
from ferryman.wire.migration import MigrationView
from ferryman.wire.search import SearchAnswer
from ferryman.wire.storage import StorageView, SweepReport, SweepRequest
from ferryman.wire.transfer import TransferPage
from ferryman.wire.worker import RunningWorker, WorkerList

Operation = Annotated[str, QueryParameter(name="operation")]
Author = Annotated[str, QueryParameter(name="actor")]
Target = Annotated[str, QueryParameter(name="target")]
Migration = Annotated[str, QueryParameter(name="migration")]
Against = Annotated[str, QueryParameter(name="against")]
Namespace = Annotated[str, QueryParameter(name="namespace")]
Prefix = Annotated[str, QueryParameter(name="prefix")]
CloudKey = Annotated[str, QueryParameter(name="cloudKey")]
Query = Annotated[str, QueryParameter(name="q")]

_PLACES = {
    IdKind.TRANSFER: "transfers",
    IdKind.MESSAGE: "messages",
    IdKind.MIGRATION: "migrations",
    IdKind.APP: "apps",
}

COLUMNS = ("when", "from", "operation", "of", "change")
"""The columns of the audit log that can be left out."""

_LONGEST = 200
_WHOLE = 8
"""The shortest text that is taken for the beginning of an id."""


@get("/platform")
async def platform_page(visit: OwnVisit) -> Template:
    """Show what the platform needs, and whether each of it works."""
    # First a call by which it is known who asks.
    clock = await visit.calls.get("/clock", ClockView)
    workers = None
    if visit.may("list_workers"):
        workers = (await visit.calls.get("/workers", WorkerList)).items
    return await visit.page(
        "platform.html",
        "platform",
        clock=clock,
        readiness=await visit.calls.readiness(),
        workers=workers,
    )


@post("/workers/{worker_id:str}/drain", status_code=200)
async def drain_worker(visit: OwnVisit, worker_id: Id) -> Redirect:
    """Have a worker claim nothing more."""
    await visit.calls.post(f"/workers/{worker_id}/drain", RunningWorker)
    return visit.to("platform")


@post("/workers/{worker_id:str}/resume", status_code=200)
async def resume_worker(visit: OwnVisit, worker_id: Id) -> Redirect:
    """Let a worker that was drained work again."""
    await visit.calls.post(f"/workers/{worker_id}/resume", RunningWorker)
    return visit.to("platform")


@get("/storage")
async def storage_page(visit: OwnVisit) -> Template:
    """Show how much is stored, and what the last sweep found."""
    view = await visit.calls.get("/storage", StorageView)
    return await visit.page("storage.html", "storage", view=view)


@post("/storage/sweep", status_code=200)
async def sweep(visit: OwnVisit) -> Redirect:
    """Delete expired data, and compare store and database."""
    await visit.calls.post("/storage/sweep", SweepReport, SweepRequest())
    return visit.to("storage")


@get("/mappings")
async def mappings_page(
    visit: OwnVisit,
    *,
    migration: Migration = "",
    against: Against = "",
    namespace: Namespace = "",
    prefix: Prefix = "",
    cloud_key: CloudKey = "",
    cursor: Cursor = "",
) -> Template:
    """Look up the mappings of a migration, or compare those of two."""
    found = stored = None
    if migration and not against:
        path = f"/migrations/{migration}/mappings"
        stored = await visit.calls.get(
            path,
            StoredMappingPage,
            namespace=namespace,
            prefix=prefix,
            cloudKey=cloud_key,
            cursor=cursor,
        )
    if migration and against:
        path = f"/migrations/{migration}/mappings/diff"
        found = await visit.calls.get(path, DifferencePage, against=against, cursor=cursor)
    # An earlier run, to compare with, may be archived.
    recent = await visit.calls.get("/transfers", TransferPage, archived=Archived.ANY, pageSize=30)
    names = {
        each.migration_details.migration_id: each.migration_details.name for each in recent.items
    }
    for each in {migration, against} - {"", *names}:
        view = await visit.calls.get(f"/migrations/{each}", MigrationView)
        names[view.migration_id] = view.name
    return await visit.page(
        "mappings.html",
        "mappings",
        found=found,
        stored=stored,
        migration=migration,
        against=against,
        namespace=namespace,
        prefix=prefix,
        cloud_key=cloud_key,
        names=names,
        recent=[each for each in recent.items if each.archived_at is None],
    )


@get("/audit")
async def audit_page(
    visit: OwnVisit,
    *,
    actor: Author = "",
    operation: Operation = "",
    target: Target = "",
    columns: Columns = None,
    cursor: Cursor = "",
) -> Template:
    """List who changed what, newest first."""
    filters = {
        "actor": called(actor),
        "operation": operation.strip().replace(" ", "_"),
        "target": target,
    }
    found = await visit.calls.get("/audit", AuditPage, cursor=cursor, pageSize=50, **filters)
    return await visit.page(
        "audit.html",
        "audit",
        found=found,
        columns=COLUMNS,
        filters={**filters, "columns": shown_of(COLUMNS, columns)},
    )


@post("/clock", status_code=200)
async def move_clock(visit: OwnVisit) -> Redirect:
    """Freeze, resume or advance a virtual clock, by seconds or to the next deadline."""
    act = str(visit.form.get("act", ""))
    if act in ("freeze", "resume"):
        await visit.calls.post(f"/clock/{act}", ClockView)
    else:
        seconds = await _seconds(visit, act)
        if seconds > 0:
            await visit.calls.post("/clock/advance", ClockView, ClockAdvance(seconds=seconds))
    return visit.to(inner_page(str(visit.form.get("page", ""))))


async def _seconds(visit: Visit, act: str) -> float:
    """Return how far to move: a number, or until the next deadline has passed."""
    if act != "deadline":
        return float(act) if act.isascii() and act.isdigit() else 0.0
    running, clock = await gather(
        visit.calls.get(
            "/transfers",
            TransferPage,
            status=TransferStatus.IN_PROGRESS,
            sort=TransferSort.DEADLINE,
            pageSize=100,
        ),
        visit.calls.get("/clock", ClockView),
    )
    deadlines = [each.deadline for each in running.items if each.deadline]
    return max(0.0, (min(deadlines) - clock.now) / 1000 + 1) if deadlines else 0.0


@get("/search")
async def search_page(visit: OwnVisit, q: Query = "") -> Template | Redirect:
    """Find the match of an id, key, label, name or error; an id leads to its page at once."""
    text = q.strip()[:_LONGEST]
    found = await visit.calls.get("/search", SearchAnswer, q=text) if text else None
    hits = [] if found is None else found.items
    ids = [each for each in hits if each.matched == "id"]
    if len(ids) == 1 and len(text) >= _WHOLE:
        return visit.to(f"{_PLACES[ids[0].kind]}/{ids[0].id}")
    return await visit.page(
        "search.html",
        "search",
        q=text,
        hits=[(_PLACES[each.kind], each) for each in hits],
        more=found is not None and found.more,
    )


PLATFORM_PAGES = [
    platform_page,
    drain_worker,
    resume_worker,
    storage_page,
    sweep,
    mappings_page,
    audit_page,
    move_clock,
    search_page,
]
