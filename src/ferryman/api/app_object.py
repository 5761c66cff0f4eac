"""The object store of an app, as `@forge/object-store` calls it, and the URLs that it is given."""

from collections.abc import AsyncIterator
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response, get, post, put, route
from litestar.enums import HttpMethod
from litestar.response import Stream

from ferryman import refusals
from ferryman.api import forge_problem
from ferryman.api.concurrency_limit import READ_BYTES
from ferryman.api.http import begun, byte_range
from ferryman.api.key_value_form import Asked, is_half_character
from ferryman.api.parameters import Caller, Id, OwnPlatform, OwnReaders
from ferryman.api.problems import answer
from ferryman.api.router import Router
from ferryman.domain import app_object as object_rules
from ferryman.domain.app_object import NewObject, ObjectName
from ferryman.domain.limits import OBJECT_REQUEST_BYTES
from ferryman.errors import PlatformError
from ferryman.objects.app_object_url import PATH
from ferryman.services import app_object as object_service
from ferryman.services import app_object_bytes
from ferryman.wire.app_object import (
    ObjectCall,
    ObjectMetadata,
    ObjectProblem,
    ObjectUrl,
    UploadCall,
)

T = TypeVar("T")

_CODES = {refusals.access.RATE_LIMITED.code: "RATE_LIMIT_EXCEEDED"}
"""Forge's words where they are not the code without ``os_``."""

_ANYWHERE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Content-Length, Content-Range, ETag",
}
"""Pages of any site may use the URL, because whoever has it may."""

_PREFLIGHT = {
    **_ANYWHERE,
    "Access-Control-Allow-Methods": "GET, HEAD, PUT",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "600",
}
# The type is the app's own, so a page of it must not act as one of the platform's.
_SAFE = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}


@post("/metadata")
async def metadata(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Return what is known of an object."""
    asked = await _body_of(request, ObjectCall)
    found = await object_service.find(platform, caller, ObjectName(asked.key, cdn=asked.cdn))
    return _answer(
        ObjectMetadata(
            key=asked.key,
            checksum=found.checksum,
            size=found.size,
            created_at=found.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            content_type=found.content_type,
        )
    )


@post("/delete", status_code=204)
async def delete(request: Asked, caller: Caller, platform: OwnPlatform) -> None:
    """Delete an object, if there is one."""
    asked = await _body_of(request, ObjectCall)
    await object_service.delete(platform, caller, ObjectName(asked.key, cdn=asked.cdn))


@post(["/upload-url", "/public-upload-url"])
async def upload_url(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Return a URL to send an object to."""
    asked = await _body_of(request, UploadCall)
    new = NewObject(
        name=ObjectName(asked.key, cdn=asked.cdn),
        size=asked.length,
        checksum=asked.checksum,
        checksum_type=asked.checksum_type,
        overwrite=asked.overwrite,
    )
    url = await object_service.upload_url(platform, caller, new, asked.ttl_seconds)
    return _answer(ObjectUrl(url=url))


@post(["/download-url", "/public-download-url"])
async def download_url(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Return a URL that reads an object."""
    asked = await _body_of(request, ObjectCall)
    return await _url_to_read(caller, platform, asked, cdn=asked.cdn)


@post("/cdn-url")
async def cdn_url(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Return a URL that reads an object of the other bucket."""
    return await _url_to_read(caller, platform, await _body_of(request, ObjectCall), cdn=True)


async def _url_to_read(
    caller: Caller, platform: OwnPlatform, asked: ObjectCall, *, cdn: bool
) -> Response[bytes]:
    name = ObjectName(asked.key, cdn=cdn)
    url = await object_service.download_url(platform, caller, name, asked.ttl_seconds)
    return _answer(ObjectUrl(url=url))


def app_object_router() -> Router:
    """Return the calls of the package, by its own paths."""
    return Router(
        path="/os/api/v1",
        exception_handlers=forge_problem.answers(_problem),
        route_handlers=[metadata, delete, upload_url, download_url, cdn_url],
    )


@get("/{signed:str}")
async def read_object(
    request: Request[Any, Any, Any], platform: OwnPlatform, readers: OwnReaders, signed: Id
) -> Stream:
    """Return the bytes of an object, or a range of them."""
    grant = await object_service.allowed(platform, signed, sends=False)
    found = await object_service.to_read(platform, grant)
    span = byte_range(request.headers.get("range"), found.size)
    start, end = span or (0, found.size)
    headers = {
        **_SAFE,
        **_ANYWHERE,
        # Here, as the framework adds a charset to its own.
        "Content-Type": found.content_type,
        "Accept-Ranges": "bytes",
        "Content-Length": str(end - start),
        "ETag": f'"{found.sha256}"',
    }
    if span:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    readers.check(grant.app_id)
    stored = platform.objects.stream(str(found.file_key), start, end, step=READ_BYTES)
    chunks = await begun(stored)
    return Stream(
        readers.counted(grant.app_id, chunks),
        status_code=206 if span else 200,
        headers=headers,
    )


@put("/{signed:str}", status_code=200, request_max_body_size=None)
async def send_object(
    request: Request[Any, Any, Any], platform: OwnPlatform, signed: Id
) -> Response[bytes]:
    """Keep the bytes that come as the object that the URL was signed for."""
    grant = await object_service.allowed(platform, signed, sends=True)
    length = request.headers.get("content-length", str(grant.size))
    if length != str(grant.size):
        raise refusals.app_object.SIZE_MISMATCH(
            size=grant.size, found=f"Content-Length: {length[:32]}"
        )
    kind = request.headers.get("content-type")
    body: AsyncIterator[bytes] = request.stream()
    await app_object_bytes.receive(platform, grant, kind, body)
    return Response(b"", headers=_ANYWHERE)


@route("/{signed:str}", http_method=[HttpMethod.OPTIONS], status_code=204)
async def preflight(signed: Id) -> Response[None]:  # noqa: ARG001 - the same for all
    """Let pages of any site use the URL."""
    return Response(None, headers=_PREFLIGHT)


def object_url_router() -> Router:
    """Return what signed URLs lead to; the signature is all that it takes."""
    return Router(
        path=PATH,
        include_in_schema=False,
        exception_handlers={PlatformError: _on_refused_url},
        route_handlers=[preflight, read_object, send_object],
    )


async def _body_of(request: Asked, kind: type[T]) -> T:
    body = await request.body()
    if len(body) > OBJECT_REQUEST_BYTES:
        raise refusals.app_object.REQUEST_TOO_LARGE(limit=OBJECT_REQUEST_BYTES, size=len(body))
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if is_half_character(body, error):
            raise refusals.app_object.KEY_INVALID(found=object_rules.NO_TEXT) from error
        raise refusals.app_object.REQUEST_INVALID(found=str(error)) from error


def _answer(told: ObjectMetadata | ObjectUrl) -> Response[bytes]:
    return Response(msgspec.json.encode(told), status_code=200, media_type="application/json")


def _problem(error: PlatformError) -> ObjectProblem:
    return ObjectProblem(
        code=_CODES.get(error.code) or error.code.removeprefix("os_").upper(),
        message=f"Expected {error.expected}; found {error.found}.",
        suggestion=error.fix,
    )


def _on_refused_url(_request: Asked, error: PlatformError) -> Response[bytes]:
    refused = answer(error)
    refused.headers.update(_ANYWHERE)
    return refused
