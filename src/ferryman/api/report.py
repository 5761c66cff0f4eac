"""Reports of migrations: signed, as JSON or as a page, to keep and to verify offline."""

from collections.abc import AsyncIterator, Iterable
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter
from litestar.response import Stream

from ferryman.api.parameters import Author, Id, OwnLifecycle, OwnPlatform
from ferryman.api.report_page import page_lines
from ferryman.services import report as report_service
from ferryman.services.report import Report

_BLOCK = 1 << 16

_Reread = Annotated[
    bool | None,
    QueryParameter(
        name="verify",
        description="Whether to read every file again and compare its digests first; it takes as "
        "long as reading them.",
    ),
]


async def made_report(
    platform: OwnPlatform,
    lifecycle: OwnLifecycle,
    actor: Author,
    migration_id: Id,
    verify: _Reread = None,
) -> Report:
    """Make the report that is asked for, in whatever form."""
    return await report_service.make(
        platform, lifecycle.keys, migration_id, actor, reread=bool(verify)
    )


_MADE = {"made": Provide(made_report)}


@get("/migrations/{migration_id:str}/report", media_type="application/json", dependencies=_MADE)
async def get_report(made: NamedDependency[Report]) -> Stream:
    """Return a signed report: counts by label, digests, what failed and why, who did what."""
    return download(made.lines(), "application/json", f"report-{made.migration_id}.json")


@get("/migrations/{migration_id:str}/report.html", media_type="text/html", dependencies=_MADE)
async def get_report_page(made: NamedDependency[Report]) -> Stream:
    """Return the signed report as a page to print, which holds the JSON."""
    return download(page_lines(made), "text/html", f"report-{made.migration_id}.html")


def download(lines: Iterable[bytes], media_type: str, name: str) -> Stream:
    """Return the lines of a report as a file."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Stream(_blocks(lines), media_type=media_type, headers=headers)


async def _blocks(lines: Iterable[bytes]) -> AsyncIterator[bytes]:
    block = bytearray()
    for line in lines:
        block += line
        if len(block) >= _BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block)
