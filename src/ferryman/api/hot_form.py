"""Read the usual form of a call, and answer it, where the framework would cost as much as the call.

Whatever has another form is left to the framework, with the body that was read (ADR 81).
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar.types import Receive, Send

from ferryman.api.strict import check_members
from ferryman.errors import RuleError

JSON = b"application/json"
_TEXT = b"text/plain; charset=utf-8"
_NO_STORE = (b"cache-control", b"no-store")


class OtherForm(Exception):
    """Not the usual form of a call: the framework is asked."""


NOT_HERE = (OtherForm, RuleError, ValueError, RecursionError, msgspec.MsgspecError)
"""Exceptions that leave a call to the framework."""


class Body:
    """A body that can be read again by the framework."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read: list[Any] = []

    async def whole(self) -> bytes:
        """Return all of it; what it raises is no refusal, and so the client's end."""
        more = True
        while more:
            message: Any = await self._receive()
            self._read.append(message)
            more = message["more_body"]
        return b"".join(message["body"] for message in self._read)

    async def again(self) -> Any:
        """Replay what was read, then pass on what follows."""
        return self._read.pop(0) if self._read else await self._receive()


def headers_of(pairs: list[tuple[bytes, bytes]], longest: int) -> dict[bytes, bytes]:
    """Return the headers of a request whose token stands once, and whose body is bounded JSON."""
    head = dict(pairs)
    length = head.get(b"content-length", b"0")
    if (
        b"authorization" not in head
        or len(head) < len(pairs)
        or b"transfer-encoding" in head
        or not length.isdigit()
        or int(length) > longest
        or head.get(b"content-type", JSON) != JSON
    ):
        raise OtherForm
    return head


def token_of(head: Mapping[bytes, bytes]) -> str:
    """Return the bearer token."""
    scheme, _, token = head[b"authorization"].decode("latin-1").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise OtherForm
    return token


def decoded(body: bytes) -> object:
    """Return the value of a body of strict JSON."""
    value = msgspec.json.decode(body)
    check_members(body, value)
    return value


async def answer(send: Send, value: object) -> None:
    """Answer as the framework does."""
    body = b"" if value is None else msgspec.json.encode(value)
    kind = _TEXT if value is None else JSON
    headers = [_NO_STORE, (b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
