"""List, load and reset what apps keep in Forge's services, for the operator."""

from typing import Annotated

from litestar import get, post
from litestar.params import JSONBody, QueryParameter

from ferryman.api.parameters import LONG_LIST_BYTES, Author, Cursor, Id, OwnPlatform, PageSize
from ferryman.services import app_object_list, sql_rows, sql_tables
from ferryman.services import state as state_service
from ferryman.wire.state import (
    LoadedRows,
    LoadedState,
    ObjectLoad,
    ObjectPlace,
    ResetState,
    RowsLoad,
    StateLoad,
    StateObjectPage,
    StateObjectUrl,
    StatePage,
    StateReset,
    StateTablePage,
    StateTableRowPage,
)

_Site = Annotated[
    str | None,
    QueryParameter(name="site", min_length=1, description="Only this site, by its URL."),
]
_Prefix = Annotated[
    str | None,
    QueryParameter(
        name="keyPrefix", min_length=1, description="Only values whose keys begin with this."
    ),
]

_Table = Annotated[
    str | None, QueryParameter(name="table", min_length=1, description="Only this table's rows.")
]


@get("/apps/{app_id:str}/state")
async def list_state(
    platform: OwnPlatform,
    actor: Author,
    app_id: Id,
    site: _Site = None,
    key_prefix: _Prefix = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> StatePage:
    """List an app's values in Forge's key-value store, by site and key; secrets without value."""
    query = state_service.StateQuery(site=site, prefix=key_prefix or "")
    return await state_service.page(platform, app_id, query, actor, cursor=cursor, size=size)


@get("/apps/{app_id:str}/state/tables")
async def list_tables(
    platform: OwnPlatform,
    actor: Author,
    app_id: Id,
    site: _Site = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> StateTablePage:
    """List the tables and views of an app's SQL databases, with numbers of rows and definitions."""
    return await sql_tables.page(platform, app_id, site, actor, cursor=cursor, size=size)


@get("/apps/{app_id:str}/state/rows")
async def list_rows(
    platform: OwnPlatform,
    actor: Author,
    app_id: Id,
    site: _Site = None,
    table: _Table = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> StateTableRowPage:
    """List the rows of an app's SQL databases, by site, table and primary key."""
    query = sql_rows.RowsQuery(site=site, table=table)
    return await sql_rows.page(platform, app_id, query, actor, cursor=cursor, size=size)


@get("/apps/{app_id:str}/state/objects")
async def list_objects(
    platform: OwnPlatform,
    actor: Author,
    app_id: Id,
    site: _Site = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> StateObjectPage:
    """List the objects that an app keeps, by site, bucket and key, without their bytes."""
    return await app_object_list.page(platform, app_id, site, actor, cursor=cursor, size=size)


@post("/apps/{app_id:str}/state", status_code=200, request_max_body_size=LONG_LIST_BYTES)
async def load_state(
    platform: OwnPlatform, actor: Author, app_id: Id, data: JSONBody[StateLoad]
) -> LoadedState:
    """Store up to 1,000 values for an app on a site; values of other keys stay."""
    return await state_service.load(platform, app_id, data, actor)


@post("/apps/{app_id:str}/state/rows", status_code=200, request_max_body_size=LONG_LIST_BYTES)
async def load_rows(
    platform: OwnPlatform, actor: Author, app_id: Id, data: JSONBody[RowsLoad]
) -> LoadedRows:
    """Store up to 1,000 rows of a table on a site; with a definition, create the table first."""
    return await sql_rows.load(platform, app_id, data, actor)


@post("/apps/{app_id:str}/state/objects", status_code=200)
async def load_object(
    platform: OwnPlatform, actor: Author, app_id: Id, data: JSONBody[ObjectLoad]
) -> StateObjectUrl:
    """Return a URL that accepts an object of an app; it replaces the object under its key."""
    return await app_object_list.load(platform, app_id, data, actor)


@post("/apps/{app_id:str}/state/objects/open", status_code=200)
async def open_object(
    platform: OwnPlatform, actor: Author, app_id: Id, data: JSONBody[ObjectPlace]
) -> StateObjectUrl:
    """Return a URL that reads an object of an app."""
    return await app_object_list.open_object(platform, app_id, data, actor)


@post("/apps/{app_id:str}/state/reset", status_code=200)
async def reset_state(
    platform: OwnPlatform, actor: Author, app_id: Id, data: JSONBody[StateReset]
) -> ResetState:
    """Delete an app's stored data on a site, or on all sites."""
    return await state_service.reset(platform, app_id, data, actor)
