"""Call the admin surface from within the process, as a script would from outside.

So a page knows nothing that a script cannot know, and may do only what its token may:
authentication, roles, limits and the audit log are those of the call.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import unquote, urlencode

import msgspec
from litestar.types import ASGIApp, Message, Scope

from ferryman.console.mount import OWNER, READ_ONLY
from ferryman.wire.health import Readiness
from ferryman.wire.problem import Problem

T = TypeVar("T")

_ADMIN = "/admin/v1"
SHARED = "/shared/v1"
"""The surface of those who have the link of a migration."""

_KEPT = frozenset(
    {"type", "asgi", "http_version", "client", "server", "scheme", "extensions", "ferryman.request"}
)
"""Keys of a page's request that its calls share."""

ACTOR = "ferryman.actor"


class CallRefused(Exception):
    """A call that was refused, with its problem document."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


class AdminCalls:
    """The calls of one request for a page, with the token of its session."""

    def __init__(
        self,
        api: ASGIApp,
        scope: Scope,
        token: str,
        *,
        base: str = _ADMIN,
        read_only: bool = False,
    ) -> None:
        self._api = api
        self._base = base
        self._scope: Any = scope
        self._token = token
        self._read_only = read_only

    async def get(self, path: str, kind: type[T], /, **query: object) -> T:
        """Return the answer of ``GET /admin/v1…``; parameters that are None or "" are left out."""
        return msgspec.json.decode(await self._answer("GET", path, query, b""), type=kind)

    async def post(self, path: str, kind: type[T], body: object = None) -> T:
        """Return the answer of ``POST /admin/v1…`` with a JSON body."""
        raw = b"" if body is None else msgspec.json.encode(body)
        return msgspec.json.decode(await self._answer("POST", path, {}, raw), type=kind)

    async def put_object(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send bytes to a signed URL of the platform's own store; return its answer."""
        path, _, query = url[url.index("/objects/") :].partition("?")
        sent = {**headers, "content-length": str(len(body))}
        sub = {
            **self._sub("PUT", "", {}, {}),
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), each.encode()) for name, each in sent.items()],
        }
        call = _Call(self._api, sub, body)
        try:
            return await call.status(), call.headers, await call.body()
        finally:
            await call.end()

    async def put(self, path: str, kind: type[T], body: bytes, media_type: str) -> T:
        """Return the answer of ``PUT /admin/v1…`` with a body as it came."""
        answer = await self._answer("PUT", path, {}, body, media_type)
        return msgspec.json.decode(answer, type=kind)

    async def readiness(self) -> Readiness:
        """Return the answer of ``GET /readyz``, also of a platform that is not ready."""
        sub = {**self._sub("GET", "", {}, {}), "path": "/readyz", "raw_path": b"/readyz"}
        call = _Call(self._api, sub)
        try:
            await call.status()
            return msgspec.json.decode(await call.body(), type=Readiness)
        finally:
            await call.end()

    async def stream(self, path: str, after: str, /, **query: object) -> AsyncIterator[bytes]:
        """Yield the events after one as they come; close the iterator to end the call."""
        headers = {"accept": "text/event-stream", "last-event-id": after}
        running = _Call(self._api, self._sub("GET", path, query, headers))
        try:
            status = await running.status()
            if status != 200:
                raise _refused(await running.body(), status)
            async for chunk in running.chunks():
                yield chunk
        finally:
            await running.end()

    async def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, object],
        body: bytes,
        media_type: str = "application/json",
    ) -> bytes:
        headers = {"content-type": media_type, "content-length": str(len(body))} if body else {}
        sub = self._sub(method, path, query, headers)
        call = _Call(self._api, sub, body)
        try:
            status = await call.status()
            answer = await call.body()
        finally:
            await call.end()
        if actor := sub["state"].get(ACTOR):
            self._scope["state"][ACTOR] = actor
        if status >= 400:
            raise _refused(answer, status)
        return answer

    def _sub(
        self, method: str, path: str, query: Mapping[str, object], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        given = {name: value for name, value in query.items() if value not in (None, "")}
        sent = {**headers, "authorization": f"Bearer {self._token}"}
        whole = f"{self._base}{path}"
        return {
            **{name: value for name, value in self._scope.items() if name in _KEPT},
            "method": method,
            "path": whole,
            "raw_path": whole.encode(),
            "root_path": "",
            "query_string": urlencode(given).encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
            "state": {},
            READ_ONLY: self._read_only,
            "app": self._scope[OWNER],
            "litestar_app": self._scope[OWNER],
        }


class _Call:
    """One call in its own task, so that its answer can be read as it comes."""

    def __init__(self, api: ASGIApp, scope: Any, body: bytes = b"") -> None:
        self._answers: asyncio.Queue[Message | None] = asyncio.Queue(maxsize=64)
        self._over = asyncio.Event()
        self._left = False
        self.headers: dict[str, str] = {}
        self._body: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]
        self._task = asyncio.create_task(self._run(api, scope))

    async def _run(self, api: ASGIApp, scope: Any) -> None:
        try:
            await api(scope, self._receive, self._send)
        finally:
            if not self._left:
                await self._answers.put(None)

    async def _receive(self) -> Any:
        if self._body:
            return self._body.pop()
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self._answers.put(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            # As servers do: whoever streams waits for it.
            self._over.set()

    async def status(self) -> int:
        """Return the status of the answer once it has begun."""
        message: Any = await self._answers.get()
        if message is None:
            await self._task  # raises what broke it
            raise ConnectionResetError
        status: int = message["status"]
        self.headers = {name.decode(): each.decode("latin-1") for name, each in message["headers"]}
        return status

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the parts of the body as they come."""
        while (message := await self._answers.get()) is not None:
            part: Any = message
            if part.get("body"):
                yield part["body"]

    async def body(self) -> bytes:
        """Return the whole body."""
        return b"".join([chunk async for chunk in self.chunks()])

    async def end(self) -> None:
        """Tell the call that its reader is gone, and wait until it has ended."""
        self._left = True
        self._over.set()
        if not self._task.done():
            self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


def _refused(answer: bytes, status: int) -> CallRefused:
    try:
        return CallRefused(msgspec.json.decode(answer, type=Problem))
    except msgspec.DecodeError:
        raise RuntimeError(f"a call was answered with status {status} and no problem") from None
