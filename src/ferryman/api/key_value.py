"""The key-value store of Forge, as `@forge/kvs` calls it, by its own paths."""

from collections.abc import Sequence

from litestar import Response, post
from msgspec import UNSET

from ferryman import refusals
from ferryman.api import forge_problem
from ferryman.api.entity_form import changes_of, search_of
from ferryman.api.key_value_form import (
    Asked,
    answer_value,
    batch_of,
    body_of,
    done_key,
    fields_of,
    name_of,
    outcome,
    prefix_of,
    problem,
    single_of,
    stored_value,
    write_of,
)
from ferryman.api.parameters import Caller, OwnPlatform
from ferryman.api.router import Router
from ferryman.domain import key_value as key_value_rules
from ferryman.domain.key_value import NO_ENTITY
from ferryman.services import entity as entity_service
from ferryman.services import key_value as key_value_service
from ferryman.services import key_value_group
from ferryman.store.key_value import ValueRow
from ferryman.wire.key_value import (
    EntityQuery,
    KeyToRead,
    KeyToWrite,
    ReadOptions,
    TransactionRequest,
    ValuePage,
    ValueQuery,
    WriteOptions,
)


@post("/get")
async def get_value(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Return a value."""
    return await _get(request, caller, platform)


@post("/secret/get")
async def get_secret(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Return a secret."""
    return await _get(request, caller, platform, secret=True)


@post("/entity/get")
async def get_entity(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Return a value of an entity."""
    return await _get(request, caller, platform, entity=True)


async def _get(
    request: Asked,
    caller: Caller,
    platform: OwnPlatform,
    *,
    secret: bool = False,
    entity: bool = False,
) -> Response[bytes]:
    asked = await single_of(request, KeyToRead, entity=entity)
    rows = await key_value_service.read(
        platform, caller, [asked.key], secret=secret, entity=asked.entity_name or NO_ENTITY
    )
    if not rows:
        raise refusals.key_value.KEY_NOT_FOUND()
    return answer_value(stored_value(rows[asked.key], fields_of(asked)))


@post("/set")
async def set_value(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Set a value."""
    return await _set(request, caller, platform)


@post("/secret/set")
async def set_secret(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Set a secret."""
    return await _set(request, caller, platform, secret=True)


@post("/entity/set")
async def set_entity(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Set a value of an entity."""
    return await _set(request, caller, platform, entity=True)


async def _set(
    request: Asked,
    caller: Caller,
    platform: OwnPlatform,
    *,
    secret: bool = False,
    entity: bool = False,
) -> Response[bytes]:
    asked = await single_of(request, KeyToWrite, entity=entity)
    options = asked.options or WriteOptions()
    key_value_rules.check_answer(options.key_policy, options.return_value)
    row = await key_value_service.put(
        platform, caller, write_of(asked), secret=secret, returned=options.return_value
    )
    if row is None:
        return Response(b"", status_code=204)
    return answer_value(stored_value(row, options.return_metadata_fields))


@post("/delete")
async def delete_value(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Delete a value, if there is one."""
    return await _delete(request, caller, platform)


@post("/secret/delete")
async def delete_secret(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Delete a secret, if there is one."""
    return await _delete(request, caller, platform, secret=True)


@post("/entity/delete")
async def delete_entity(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Delete a value of an entity, if there is one."""
    return await _delete(request, caller, platform, entity=True)


async def _delete(
    request: Asked,
    caller: Caller,
    platform: OwnPlatform,
    *,
    secret: bool = False,
    entity: bool = False,
) -> Response[bytes]:
    asked = await single_of(request, KeyToRead, entity=entity)
    await key_value_service.delete(
        platform, caller, [asked.key], secret=secret, entity=asked.entity_name or NO_ENTITY
    )
    return Response(b"", status_code=204)


@post("/query")
async def query_values(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """List values by key, without secrets."""
    asked = await body_of(request, ValueQuery)
    rows, cursor = await key_value_service.page(
        platform, caller, prefix_of(asked), cursor=asked.after, limit=asked.limit
    )
    return _page(rows, cursor, asked.options)


@post("/entity/query")
async def query_entities(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """List values of an entity by one of its indexes."""
    asked = await body_of(request, EntityQuery)
    rows, cursor = await entity_service.page(platform, caller, search_of(asked))
    return _page(rows, cursor, asked.options)


def _page(
    rows: Sequence[ValueRow], cursor: str | None, options: ReadOptions | None
) -> Response[bytes]:
    fields = options.metadata_fields if options else ()
    items = [stored_value(row, fields) for row in rows]
    return answer_value(ValuePage(data=items, cursor=UNSET if cursor is None else cursor))


@post("/batch/get")
async def get_batch(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Return several values."""
    asked, size = await batch_of(request, KeyToRead)
    names = [name_of(each) for each in asked]
    rows, failed = await key_value_group.read(platform, caller, names, size)
    found = [
        stored_value(rows[name], fields_of(each), name[0])
        for name, each in zip(names, asked, strict=True)
        if name in rows
    ]
    return outcome(found, failed)


@post("/batch/set")
async def set_batch(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Set several values, each by itself."""
    asked, size = await batch_of(request, KeyToWrite)
    writes = [write_of(each) for each in asked]
    stored, failed = await key_value_group.put(platform, caller, writes, size)
    return outcome([done_key(write.name) for write in writes if write.name in stored], failed)


@post("/batch/delete")
async def delete_batch(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Delete several values, each by itself."""
    asked, size = await batch_of(request, KeyToRead)
    names = [name_of(each) for each in asked]
    done, failed = await key_value_group.delete(platform, caller, names, size)
    return outcome([done_key(name) for name in done], failed)


@post("/transaction")
async def transact(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Set, delete and check several values together, or none."""
    asked = await body_of(request, TransactionRequest)
    size = len(await request.body())
    await key_value_group.transact(platform, caller, changes_of(asked), size)
    return Response(b"", status_code=204)


HANDLERS = (
    *(get_value, get_secret, set_value, set_secret, delete_value, delete_secret, query_values),
    *(get_batch, set_batch, delete_batch, transact),
    *(get_entity, set_entity, delete_entity, query_entities),
)


def key_value_router() -> Router:
    """Return the calls of the package, by its own paths."""
    return Router(
        path="/kvs/api/v1",
        exception_handlers=forge_problem.answers(problem),
        route_handlers=HANDLERS,
    )
