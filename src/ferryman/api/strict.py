"""Requests are read one way only: where two readers could differ, the request is refused."""

import json
import re
from collections import Counter
from typing import Any
from urllib.parse import unquote_plus, unquote_to_bytes

import msgspec
from litestar import Request
from litestar.exceptions import SerializationException

from ferryman.api.parameters import NAMES
from ferryman.errors import Invalid
from ferryman.services.platform import check_json

_JSON_TYPE = re.compile(r"application/(json|[\w.+-]+\+json)\s*(;.*)?", re.IGNORECASE)
_LONG_NUMBER = b"0" * 19
_DIGITS_AS_0 = bytes(ord("0") if chr(byte) in "0123456789" else ord(" ") for byte in range(256))
_GREATEST = 2**63
_NOT_ESCAPED = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class StrictRequest(Request[Any, Any, Any]):
    """The one place where a JSON body is decoded."""

    async def json(self) -> Any:
        """The value of the body; raises :class:`Invalid` for what is not plain JSON."""
        check_media_type(self.headers.get("content-type"))
        try:
            value = await super().json()
        except SerializationException:
            check_surrogates(await self.body())
            raise
        check_members(await self.body(), value)
        return value


async def check_request(request: Request[Any, Any, Any]) -> None:
    """Refuse a query that says something twice or in no known encoding."""
    if query := request.scope["query_string"]:
        check_query(query)


def check_media_type(given: str | None) -> None:
    """A body without a Content-Type is taken for JSON."""
    if given and not _JSON_TYPE.fullmatch(given.strip()):
        raise Invalid(
            "media_type_unsupported",
            expected="Content-Type: application/json",
            found=f"{given[:80]!r}",
            fix="Send the body as JSON and name it so.",
        )


def check_members(raw: bytes, value: object) -> None:
    """What a decoder lets by: repeated names, integers beyond 64 bits, and NUL in texts.

    Written anew, a value has as many quotation marks as it came with, unless a member was lost
    or a mark was escaped. So the slow reading, which can name the member, is rarely needed.
    """
    written = msgspec.json.encode(value)
    if raw.count(b'"') != written.count(b'"') or b"\\u0022" in raw:
        json.loads(raw, object_pairs_hook=_object)
    if _LONG_NUMBER in raw.translate(_DIGITS_AS_0):
        json.loads(raw, parse_int=_integer)
    if b"\\u0000" in written:
        check_json("text", value)


def check_surrogates(raw: bytes) -> None:
    """Say which character a body has that the decoder calls truncated data, if that is it."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return
    check_json("text", value)


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -_GREATEST <= int(digits) < _GREATEST:
        raise Invalid(
            "integer_too_large",
            expected="integers of at most 64 bits, with sign",
            found=digits[:40],
            fix="Send it as a text if it is an id.",
        )
    return int(digits)


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        [(name, _)] = Counter(name for name, _ in members).most_common(1)
        raise Invalid(
            "member_repeated",
            expected="each name once in a JSON object",
            found=f"{name[:80]!r} more than once",
            fix="Leave one of them; programs differ in which they take.",
        )
    return found


def check_query(query: bytes) -> None:
    """Percent-encoded UTF-8, and each known parameter once; unknown ones are ignored."""
    fault = _fault(query)
    if fault is not None:
        raise Invalid(
            "query_invalid",
            expected="percent-encoded UTF-8, and each parameter once",
            found=fault,
            fix="Encode each value by itself, and send each parameter once.",
        )


def _fault(query: bytes) -> str | None:
    if _NOT_ESCAPED.search(query):
        return "a percent sign without two hexadecimal digits"
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        return "bytes that are not UTF-8"
    names = Counter(
        unquote_plus(pair.partition("=")[0]) for pair in query.decode("latin-1").split("&")
    )
    twice = [name for name in sorted(NAMES) if names[name] > 1]
    return f"{twice[0]} {names[twice[0]]} times" if twice else None
