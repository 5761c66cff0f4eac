"""The store of Forge, as `storage` of `@forge/api` up to 7 calls it; the values are the same."""

import re

import msgspec
from litestar import Response, post
from litestar.exceptions import HTTPException
from msgspec import Raw

from ferryman import refusals
from ferryman.api.entity_form import search_of
from ferryman.api.forge_problem import retry_header
from ferryman.api.key_value_form import (
    Asked,
    answer_value,
    body_of,
    problem,
    value_of,
)
from ferryman.api.parameters import Caller, OwnPlatform
from ferryman.api.problem_documents import status_of
from ferryman.api.problems import http_refusal
from ferryman.api.router import Router
from ferryman.domain.key_value import Write
from ferryman.errors import NotAuthenticated, PlatformError, RateLimited
from ferryman.services import entity as entity_service
from ferryman.services import key_value as key_value_service
from ferryman.services.platform import Platform
from ferryman.store.app import AppRow
from ferryman.wire.key_value import EntityQuery
from ferryman.wire.legacy_storage import (
    EntityStorageCall,
    StorageCall,
    StorageInput,
    StorageVariables,
)

_FIELD = re.compile(
    r"\b((?:set|delete)AppStored(?:Custom)?Entity|appStored(?:Custom)?(?:Entity|Entities))\b"
)
_LIMIT = 20
_DONE = {"success": True, "errors": []}


@post("/graphql")
async def call_storage(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Get, set, delete or list values."""
    asked = await body_of(request, StorageCall)
    found = _FIELD.search(asked.query)
    field = found[1] if found else ""
    if field == "appStoredCustomEntities":
        query = (await body_of(request, EntityStorageCall)).variables
        data: dict[str, object] = {field: await _search(platform, caller, query)}
    else:
        data = await _answer(platform, caller, field, asked.variables)
    return answer_value({"data": data})


async def _answer(
    platform: Platform, app: AppRow, field: str, given: StorageVariables
) -> dict[str, object]:
    custom = "Custom" in field
    if bool((given.input or given).entity_name) is not custom:
        raise refusals.key_value.REQUEST_INVALID(found="no entity's name, or one of plain keys")
    match field:
        case "appStoredEntity" | "appStoredCustomEntity":
            return {field: await _read(platform, app, given)}
        case "appStoredEntities":
            return {field: {"edges": await _page(platform, app, given)}}
        case "setAppStoredEntity" | "setAppStoredCustomEntity":
            change = _input(given)
            write = Write(key=change.key, entity=change.entity_name, value=value_of(change.value))
            await key_value_service.put(
                platform, app, write, secret=change.encrypted and not custom
            )
        case "deleteAppStoredEntity" | "deleteAppStoredCustomEntity":
            change = _input(given)
            await key_value_service.delete(
                platform,
                app,
                [change.key],
                secret=change.encrypted and not custom,
                entity=change.entity_name,
            )
        case _:
            raise refusals.key_value.REQUEST_INVALID(found="another query")
    return {"appStorageCustomEntity" if custom else "appStorage": {field: _DONE}}


async def _read(platform: Platform, app: AppRow, given: StorageVariables) -> dict[str, object]:
    rows = await key_value_service.read(
        platform, app, [given.key], secret=given.encrypted, entity=given.entity_name
    )
    value = Raw(rows[given.key].value) if given.key in rows else None
    return {"key": given.key, "value": value}


async def _search(platform: Platform, app: AppRow, query: EntityQuery) -> dict[str, object]:
    rows, cursor = await entity_service.page(platform, app, search_of(query))
    edges = [{"node": {"key": row.key, "value": Raw(row.value)}, "cursor": cursor} for row in rows]
    return {
        "edges": edges,
        "pageInfo": {"hasNextPage": cursor is not None, "hasPreviousPage": bool(query.cursor)},
        "totalCount": len(edges),
        "cursor": cursor,
    }


async def _page(
    platform: Platform, app: AppRow, given: StorageVariables
) -> list[dict[str, object]]:
    prefix = ""
    for each in given.where or ():
        if (each.field, each.condition) != ("key", "STARTS_WITH") or len(given.where or ()) > 1:
            raise refusals.key_value.QUERY_INVALID(found=f"{each.field} {each.condition}")
        prefix = each.value
    rows, _ = await key_value_service.page(
        platform, app, prefix, cursor=given.cursor, limit=given.limit or _LIMIT
    )
    return [
        {
            "node": {"key": row.key, "value": Raw(row.value)},
            "cursor": key_value_service.cursor_after(app, prefix, row.key),
        }
        for row in rows
    ]


def _input(given: StorageVariables) -> StorageInput:
    if given.input is None:
        raise refusals.key_value.REQUEST_INVALID(found="no input")
    return given.input


def legacy_storage_router() -> Router:
    """Return the only path of the package's GraphQL."""
    return Router(
        path="/entities",
        exception_handlers={PlatformError: _on_refused, HTTPException: _on_http_refused},
        route_handlers=[call_storage],
    )


def _on_refused(_request: Asked, error: PlatformError) -> Response[bytes]:
    # A query that was understood is answered with 200, whatever became of it.
    told = isinstance(error, NotAuthenticated | RateLimited)
    return _errors(error, status_of(error) if told else 200)


def _on_http_refused(request: Asked, error: HTTPException) -> Response[bytes]:
    return _errors(http_refusal(error, request.method, request.url.path), error.status_code)


def _errors(error: PlatformError, status: int) -> Response[bytes]:
    told = problem(error)
    entry = {"message": told.message, "extensions": {"errorType": told.code}}
    return Response(
        msgspec.json.encode({"errors": [entry]}),
        status_code=status,
        media_type="application/json",
        headers=retry_header(error),
    )
