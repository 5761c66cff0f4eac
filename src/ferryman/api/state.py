"""List, load and reset what apps keep in Forge's services, for the operator."""

from typing import Annotated

from litestar import get, post
from litestar.params import JSONBody, QueryParameter

from ferryman.api.parameters import LONG_LIST_BYTES, Author, Cursor, Id, OwnPlatform, PageSize
from ferryman.services import app_object_list, sql_tables
from ferryman.services import state as state_service
from ferryman.wire.state import (
    LoadedState,
    ResetState,
    StateLoad,
    StateObjectPage,
    StatePage,
    StateReset,
    StateTablePage,
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
    """List what an app keeps in Forge's key-value store, by site and key, secrets without value."""
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
    """List the tables of an app's SQL databases, by site and name, with their numbers of rows."""
    return await sql_tables.page(platform, app_id, site, actor, cursor=cursor, size=size)


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


@post("/apps/{app_id:str}/state/reset", status_code=200)
async def reset_state(
    platform: OwnPlatform, actor: Author, app_id: Id, data: JSONBody[StateReset]
) -> ResetState:
    """Delete what an app keeps on a site, or on all sites."""
    return await state_service.reset(platform, app_id, data, actor)
