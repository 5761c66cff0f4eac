"""Mappings, for the operator: load, compare and find missing ones."""

from typing import Annotated, Any

from litestar import Request, get, put
from litestar.params import QueryParameter

from ferryman.api.mapping_rows import read_rows
from ferryman.api.parameters import Author, Cursor, Id, OfNamespace, OwnPlatform, PageSize
from ferryman.services import mapping_list, mapping_load, mapping_report
from ferryman.services.mapping_list import MappingQuery
from ferryman.wire.mapping import DifferencePage, MissingPage, StoredMappingPage
from ferryman.wire.migration import MappingCounts

_Against = Annotated[str, QueryParameter(min_length=1)]
_Prefix = Annotated[str, QueryParameter(description="Only server keys that begin with this.")]

_CloudKey = Annotated[
    str | None,
    QueryParameter(
        name="cloudKey",
        min_length=1,
        description="Only mappings to this cloud key. Cloud keys have no index: a page looks "
        "through 200,000 mappings, so follow `nextCursor` even when it has no items.",
    ),
]


@put("/migrations/{migration_id:str}/mappings", request_max_body_size=None)
async def load_mappings(
    request: Request[Any, Any, Any],
    platform: OwnPlatform,
    actor: Author,
    migration_id: Id,
) -> MappingCounts:
    """Load mappings as NDJSON, or as CSV by its Content-Type; the last row of a key wins."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    rows = read_rows(request.stream(), csv_form=kind == "text/csv")
    return await mapping_load.load(platform, migration_id, rows, actor)


@get("/migrations/{migration_id:str}/mappings")
async def list_mappings(
    platform: OwnPlatform,
    migration_id: Id,
    namespace: OfNamespace = None,
    prefix: _Prefix = "",
    cloud_key: _CloudKey = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> StoredMappingPage:
    """List the mappings of a migration's scope, as its apps read them, or those to a cloud key."""
    wanted = MappingQuery(namespace=namespace, prefix=prefix, cloud_key=cloud_key)
    return await mapping_list.page(platform, migration_id, wanted, cursor=cursor, size=size)


@get("/migrations/{migration_id:str}/mappings/diff")
async def diff_mappings(
    platform: OwnPlatform,
    migration_id: Id,
    against: _Against,
    namespace: OfNamespace = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> DifferencePage:
    """List mappings added, changed or missing compared to another migration of the scope."""
    return await mapping_report.differences(
        platform, migration_id, against, namespace=namespace, cursor=cursor, size=size
    )


@get("/transfers/{transfer_id:str}/mappings/missing")
async def missing_mappings(
    platform: OwnPlatform,
    transfer_id: Id,
    namespace: OfNamespace = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> MissingPage:
    """List the keys that were looked up and not found, by namespace, with samples."""
    return await mapping_report.missing_page(
        platform, transfer_id, namespace=namespace, cursor=cursor, size=size
    )
