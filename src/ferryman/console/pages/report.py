"""The signed report of a migration, as a download."""

from litestar import get
from litestar.response import Stream

from ferryman.console.pages.parameters import Id, OwnVisit
from ferryman.console.visit import Visit
from ferryman.wire.migration import MigrationView


@get("/migrations/{migration_id:str}/report.html")
async def download_report_page(visit: OwnVisit, migration_id: Id) -> Stream:
    """Return the report as a page to print, which holds the JSON."""
    return await _download(visit, migration_id, "report.html", "text/html")


@get("/migrations/{migration_id:str}/report.json")
async def download_report(visit: OwnVisit, migration_id: Id) -> Stream:
    """Return the report as JSON."""
    return await _download(visit, migration_id, "report", "application/json")


async def _download(visit: Visit, migration_id: str, name: str, media_type: str) -> Stream:
    path = f"/migrations/{migration_id}"
    view = await visit.calls.get(path, MigrationView)  # refuse before the file has begun
    end = "html" if name.endswith("html") else "json"
    file = f'attachment; filename="report-{view.migration_id}.{end}"'
    return Stream(
        visit.calls.stream(f"{path}/{name}", ""),
        media_type=media_type,
        headers={"Content-Disposition": file},
    )


REPORT_PAGES = [download_report_page, download_report]
