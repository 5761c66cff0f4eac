"""Answer the calls that apps make most before the framework does, which costs as much as they do.

Only their usual form is answered here, and only success: everything else, and everything that is
refused, goes to the framework with its body, which decides and says so (ADR 81). That is safe as
all of these calls may be repeated.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from ferryman.api.auth import Credentials, HolderOfCloudToken, enter
from ferryman.api.hot_form import NOT_HERE, Body, OtherForm, answer, decoded, headers_of, token_of
from ferryman.api.problems import send_answer
from ferryman.api.strict import check_query
from ferryman.api.throttle import AppThrottle
from ferryman.api.token_cache import TokenCache
from ferryman.clock import wall_now
from ferryman.errors import OutsideError
from ferryman.services import acknowledgement, app_data
from ferryman.services import app as app_service
from ferryman.services import mapping as mapping_service
from ferryman.services.platform import Platform
from ferryman.store.app import AppRow
from ferryman.vocab import Audience
from ferryman.wire.message import MessageStatus

_ID = "([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
_FORGE = "/app/migration/forge/v1"
_SERVER = "/server/v1"
_CLAIM = re.compile(rb"[0-9]{1,9}")
_SIZE = re.compile("0|[1-9][0-9]{0,7}")


@dataclass(frozen=True, slots=True)
class _Asked:
    app: AppRow
    named: str
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Hot:
    """A call that is answered here; ``names`` are the parameters of its query."""

    template: str
    audience: Audience
    act: Callable[[Platform, _Asked], Awaitable[object]]
    names: tuple[str, ...] = ()


async def _url(platform: Platform, asked: _Asked) -> object:
    return await app_data.url(platform, asked.app, asked.named)


async def _parts(platform: Platform, asked: _Asked) -> object:
    return await app_data.parts(platform, asked.app, asked.named)


async def _acknowledge(platform: Platform, asked: _Asked) -> object:
    status = msgspec.convert(decoded(asked.body), MessageStatus)
    await acknowledgement.acknowledge(platform, asked.app, asked.named, status)
    return None


async def _find(platform: Platform, asked: _Asked) -> object:
    keys = msgspec.convert(decoded(asked.body), list[str])
    return await mapping_service.find(
        platform, asked.app, asked.named, asked.query["namespace"], keys
    )


async def _page(platform: Platform, asked: _Asked) -> object:
    size = asked.query.get("pageSize")
    if size is not None and not _SIZE.fullmatch(size):
        raise OtherForm
    return await mapping_service.page(
        platform,
        asked.app,
        asked.named,
        asked.query["namespace"],
        cursor=asked.query.get("lastEntity"),
        size=None if size is None else int(size),
    )


_OF_PAGE = ("lastEntity", "namespace", "pageSize")

_CALLS = (
    ("GET", _FORGE, "/data/{file_key}", _url, ()),
    ("GET", _FORGE, "/data/{file_key}/parts", _parts, ()),
    ("POST", _FORGE, "/message/{transfer_id}/status", _acknowledge, ()),
    ("POST", _FORGE, "/mapping/{transfer_id}/find", _find, ("namespace",)),
    ("GET", _FORGE, "/mapping/{transfer_id}/page", _page, _OF_PAGE),
    ("POST", _SERVER, "/transfers/{transfer_id}/mappings/find", _find, ("namespace",)),
    ("GET", _SERVER, "/transfers/{transfer_id}/mappings/page", _page, _OF_PAGE),
)

_HOT = {
    (method, base + path): _Hot(
        base + path, Audience.CLOUD if base == _FORGE else Audience.SERVER, act, names
    )
    for method, base, path, act, names in _CALLS
}

_PATH = re.compile(rf"({_FORGE}|{_SERVER}/transfers)/(?:(data|message|mapping)/)?{_ID}(/[a-z/]+)?")
_PARAMETER = {"data": "{file_key}"}


class HotCalls:
    """ASGI application that answers hot calls, and passes all others to ``rest``."""

    def __init__(
        self, rest: ASGIApp, platform: Platform, credentials: Credentials, throttle: AppThrottle
    ) -> None:
        self._rest, self._platform, self._throttle = rest, platform, throttle
        self._cloud = HolderOfCloudToken(platform, credentials)
        # Only for calls that use nothing of the app but its id, which never changes.
        self._server: TokenCache[AppRow] = TokenCache()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        found = _hot(scope)
        if found is None:
            await self._rest(scope, receive, send)
            return
        hot, named = found
        own: Any = scope
        body = Body(receive)
        # As the framework has them: metrics, logs and recordings read both.
        name = "file_key" if "{file_key}" in hot.template else "transfer_id"
        own.update(path_template=hot.template, path_params={name: named})
        try:
            query = _query(own["query_string"], hot.names)
            head = headers_of(own["headers"], self._platform.settings.max_body_bytes)
            app = await self._caller(hot, head)
            enter(own["state"], app, self._throttle)
            content = await body.whole() if own["method"] == "POST" else b""
            value = await hot.act(self._platform, _Asked(app, named, query, content))
        except NOT_HERE:
            await self._rest(scope, body.again, send)
            return
        except OutsideError as error:
            await send_answer(error, send)
            return
        await answer(send, value)

    async def _caller(self, hot: _Hot, head: Mapping[bytes, bytes]) -> AppRow:
        """Return whose token this is; a claim is of the server side alone."""
        token, now = token_of(head), wall_now()
        if hot.audience is Audience.CLOUD:
            return await self._cloud.of(token, now)

        async def check() -> tuple[AppRow, None]:
            return await app_service.authenticate(self._platform, token, Audience.SERVER), None

        app = await self._server.holder_of(token, now, check)
        claim = head.get(b"ferryman-claim", b"0")
        if not _CLAIM.fullmatch(claim):
            raise OtherForm
        return replace(app, claim=int(claim))


def _hot(scope: Scope) -> tuple[_Hot, str] | None:
    """Return the hot call that a request is, and the id in its path."""
    own: Any = scope
    if own["type"] != ScopeType.HTTP:
        return None
    match = _PATH.fullmatch(own["path"])
    if match is None:
        return None
    base, kind, named, rest = match.groups("")
    path = f"{base}/{kind}{'/' if kind else ''}{_PARAMETER.get(kind, '{transfer_id}')}{rest}"
    hot = _HOT.get((own["method"], path))
    return None if hot is None else (hot, named)


def _query(raw: bytes, names: tuple[str, ...]) -> dict[str, str]:
    """Return the query if it has these parameters alone, each once, and none of them empty."""
    if not raw and not names:
        return {}
    check_query(raw, names)
    pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    query = dict(pairs)
    usual = names and query.keys() <= {*names} and "namespace" in query
    if not usual or len(query) < len(pairs) or not all(query.values()):
        raise OtherForm
    return query
