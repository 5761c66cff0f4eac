"""The audit log, for admins: read, export and verify it."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter
from litestar.response import Stream

from ferryman.api.parameters import Cursor, OfCustomer, OwnPlatform, PageSize
from ferryman.services import audit
from ferryman.wire.audit import AuditPage, AuditProof

_NDJSON = "application/x-ndjson"

_Actor = Annotated[
    str | None, QueryParameter(name="actor", min_length=1, description="Only calls of this token.")
]
_Operation = Annotated[
    str | None,
    QueryParameter(
        name="operation",
        min_length=1,
        description="Only calls of this operation, such as `cancel_transfer`.",
    ),
]
_Target = Annotated[
    str | None,
    QueryParameter(
        name="target", min_length=1, description="Only calls that changed the thing of this id."
    ),
]
_From = Annotated[int | None, QueryParameter(name="from")]
_To = Annotated[int | None, QueryParameter(name="to")]
_Known = Annotated[
    str | None,
    QueryParameter(
        name="known",
        min_length=1,
        description="`SEQ:HASH` of an earlier answer, to find rows that were removed from the end.",
    ),
]


@get("/audit")
async def list_audit(
    platform: OwnPlatform,
    *,
    name: _Actor = None,
    operation: _Operation = None,
    customer: OfCustomer = None,
    target: _Target = None,
    since: _From = None,
    until: _To = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> AuditPage:
    """List changing calls, newest first: who changed what from where, before and after."""
    query = audit.AuditQuery(
        actor=name,
        operation=operation,
        customer=customer,
        target=target,
        since=since,
        to=until,
    )
    return await audit.page(platform, query, cursor=cursor, size=size)


@get("/audit/export", media_type=_NDJSON)
async def export_audit(platform: OwnPlatform) -> Stream:
    """Stream the whole audit log in order, a line per row with its hash."""
    return Stream(audit.lines(platform), media_type=_NDJSON)


@get("/audit/verify")
async def verify_audit(platform: OwnPlatform, known: _Known = None) -> AuditProof:
    """Check the chain of hashes, and name the first row that was changed or removed."""
    return await audit.verify(platform, known)
