"""The page of one migration for a customer's people, who have a link and no account."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Stream, Template

from ferryman.console.calls import SHARED, AdminCalls
from ferryman.console.mount import Brand
from ferryman.console.visit import preferences, root_of
from ferryman.vocab import TransferStatus
from ferryman.wire.link import SharedMigration, SharedPart

_WORDS: Mapping[TransferStatus, str] = {
    TransferStatus.READY: "waits to begin",
    TransferStatus.IN_PROGRESS: "is moving",
    TransferStatus.CANCELLATION_REQUESTED: "is being stopped",
    TransferStatus.SUCCESS: "has moved",
    TransferStatus.INCOMPLETE: "has moved in part",
    TransferStatus.FAILED: "could not be moved",
    TransferStatus.TIMED_OUT: "was given up, as nothing moved for too long",
    TransferStatus.CANCELLED: "was stopped",
    TransferStatus.SKIPPED: "was left out",
}
"""Explanation of each status of a part, for people who have never seen one."""

_LOGO_TYPES = {"png": "image/png", "svg": "image/svg+xml", "jpg": "image/jpeg"}
_CODE = re.compile(r"[A-Za-z0-9_-]{1,200}", re.ASCII)


@get("/shared/{code:str}")
async def shared_page(
    request: Request[Any, Any, Any],
    code: FromPath[str],
    api: NamedDependency[Any],
    brand: NamedDependency[Brand],
) -> Template:
    """Show how far a migration is, in plain words."""
    calls = _calls(api, request, code)
    found = await calls.get("/migration", SharedMigration)
    done = [part for part in found.parts if part.status.final]
    return Template(
        "shared.html",
        context={
            "root": root_of(request),
            **preferences(request),
            "brand": brand,
            "view": found,
            "code": code,
            "words": _WORDS,
            "left": time_left(found),
            "live": len(done) < len(found.parts),
            "files": sum(part.files for part in found.parts),
            "processed": sum(part.processed for part in found.parts),
            "failed": sum(part.failed for part in found.parts),
            "total": sum(part.bytes for part in found.parts),
        },
    )


def _calls(api: Any, request: Request[Any, Any, Any], code: str) -> AdminCalls:
    return AdminCalls(api, request.scope, code if _CODE.fullmatch(code) else "-", base=SHARED)


@get("/shared/{code:str}/report.html")
async def shared_report(
    request: Request[Any, Any, Any], code: FromPath[str], api: NamedDependency[Any]
) -> Stream:
    """Return the signed report as a page to print, which holds the JSON."""
    lines = _calls(api, request, code).stream("/report.html", "")
    first = await anext(lines)  # refuse before the file has begun
    return Stream(
        _from(first, lines),
        media_type="text/html",
        headers={"Content-Disposition": 'attachment; filename="migration-report.html"'},
    )


async def _from(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for each in rest:
        yield each


def time_left(found: SharedMigration) -> float | None:
    """Return the milliseconds until parts are given up unless something moves; None: none runs."""
    running = [part.deadline for part in found.parts if _is_running(part)]
    ends = [at for at in running if at is not None]
    return max(0, min(ends) - found.now) if ends else None


def _is_running(part: SharedPart) -> bool:
    return part.status is TransferStatus.IN_PROGRESS


@get("/brand/colors.css", media_type="text/css; charset=utf-8")
async def brand_style(brand: NamedDependency[Brand]) -> str:
    """Return the operator's colour; a change of it is another address."""
    return brand.style


@get("/brand/logo", sync_to_thread=True)
def brand_logo(brand: NamedDependency[Brand]) -> Response[bytes]:
    """Return the operator's logo; scripts in it are not run."""
    if brand.logo is None:
        raise NotFoundException
    kind = _LOGO_TYPES.get(brand.logo.suffix.lstrip(".").lower().replace("jpeg", "jpg"))
    try:
        content = brand.logo.read_bytes()
    except OSError:
        raise NotFoundException from None
    return Response(content, media_type=kind or "application/octet-stream")


SHARED_HANDLERS = [shared_page, shared_report, brand_style, brand_logo]
