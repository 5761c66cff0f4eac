"""The key-value store of Forge, as `@forge/kvs` calls it, by its own paths."""

from litestar import Response, Router, post
from litestar.exceptions import HTTPException
from msgspec import UNSET

from ferryman import refusals
from ferryman.api.key_value_form import (
    Asked,
    answer_value,
    batch_of,
    body_of,
    check_plain,
    fields_of,
    on_http_refused,
    on_refused,
    outcome,
    prefix_of,
    single_of,
    stored_value,
    write_of,
)
from ferryman.api.parameters import Caller, OwnPlatform
from ferryman.domain import key_value as key_value_rules
from ferryman.errors import PlatformError
from ferryman.services import key_value as key_value_service
from ferryman.services import key_value_group
from ferryman.wire.key_value import (
    DoneKey,
    KeyToRead,
    KeyToWrite,
    TransactionRequest,
    ValuePage,
    ValueQuery,
    WriteOptions,
)


@post("/get")
async def get_value(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Return a value."""
    return await _get(request, caller, platform, secret=False)


@post("/secret/get")
async def get_secret(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Return a secret."""
    return await _get(request, caller, platform, secret=True)


async def _get(
    request: Asked, caller: Caller, platform: OwnPlatform, *, secret: bool
) -> Response[bytes]:
    asked = await single_of(request, KeyToRead)
    rows = await key_value_service.read(platform, caller, [asked.key], secret=secret)
    if not rows:
        raise refusals.key_value.KEY_NOT_FOUND()
    return answer_value(stored_value(rows[asked.key], fields_of(asked)))


@post("/set")
async def set_value(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Set a value."""
    return await _set(request, caller, platform, secret=False)


@post("/secret/set")
async def set_secret(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Set a secret."""
    return await _set(request, caller, platform, secret=True)


async def _set(
    request: Asked, caller: Caller, platform: OwnPlatform, *, secret: bool
) -> Response[bytes]:
    asked = await single_of(request, KeyToWrite)
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
    return await _delete(request, caller, platform, secret=False)


@post("/secret/delete")
async def delete_secret(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Delete a secret, if there is one."""
    return await _delete(request, caller, platform, secret=True)


async def _delete(
    request: Asked, caller: Caller, platform: OwnPlatform, *, secret: bool
) -> Response[bytes]:
    asked = await single_of(request, KeyToRead)
    await key_value_service.delete(platform, caller, [asked.key], secret=secret)
    return Response(b"", status_code=204)


@post("/query")
async def query_values(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """List values by key, without secrets."""
    asked = await body_of(request, ValueQuery)
    rows, cursor = await key_value_service.page(
        platform, caller, prefix_of(asked), cursor=asked.after, limit=asked.limit
    )
    fields = asked.options.metadata_fields if asked.options else ()
    items = [stored_value(row, fields) for row in rows]
    return answer_value(ValuePage(data=items, cursor=UNSET if cursor is None else cursor))


@post("/batch/get")
async def get_batch(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Return several values."""
    asked, size = await batch_of(request, KeyToRead)
    rows, failed = await key_value_group.read(platform, caller, [each.key for each in asked], size)
    found = [stored_value(rows[each.key], fields_of(each)) for each in asked if each.key in rows]
    return outcome(found, failed)


@post("/batch/set")
async def set_batch(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Set several values, each by itself."""
    asked, size = await batch_of(request, KeyToWrite)
    writes = [write_of(each) for each in asked]
    stored, failed = await key_value_group.put(platform, caller, writes, size)
    return outcome([DoneKey(key=write.key) for write in writes if write.key in stored], failed)


@post("/batch/delete")
async def delete_batch(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Delete several values, each by itself."""
    asked, size = await batch_of(request, KeyToRead)
    done, failed = await key_value_group.delete(
        platform, caller, [each.key for each in asked], size
    )
    return outcome([DoneKey(key=key) for key in done], failed)


@post("/transaction")
async def transact(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Set and delete several values together, or none."""
    asked = await body_of(request, TransactionRequest)
    for change in asked.set:
        check_plain(change)
    for deletion in asked.delete:
        check_plain(deletion)
    if asked.check:
        raise refusals.key_value.ENTITIES_UNSUPPORTED()
    await key_value_group.transact(
        platform,
        caller,
        [write_of(each) for each in asked.set],
        [each.key for each in asked.delete],
        len(await request.body()),
    )
    return Response(b"", status_code=204)


@post([f"/entity/{call}" for call in ("get", "set", "delete", "query")])
async def call_entity() -> Response[bytes]:
    """Refuse custom entities."""
    raise refusals.key_value.ENTITIES_UNSUPPORTED()


HANDLERS = (
    *(get_value, get_secret, set_value, set_secret, delete_value, delete_secret, query_values),
    *(get_batch, set_batch, delete_batch, transact, call_entity),
)


def key_value_router() -> Router:
    """Return the calls of the package, by its own paths."""
    return Router(
        path="/kvs/api/v1",
        exception_handlers={PlatformError: on_refused, HTTPException: on_http_refused},
        route_handlers=HANDLERS,
    )
