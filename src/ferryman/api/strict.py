"""Refuse requests that two parsers could read differently."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any
from urllib.parse import unquote_plus, unquote_to_bytes

import msgspec
from litestar import Request
from litestar.exceptions import SerializationException

from ferryman import refusals
from ferryman.api.parameters import STRICT_QUERY, query_names
from ferryman.services.platform import check_json

_JSON_TYPE = re.compile(r"application/(json|[\w.+-]+\+json)\s*(;.*)?", re.IGNORECASE)
_LONG_NUMBER = b"0" * 19
_DIGITS_AS_0 = bytes(ord("0") if chr(byte) in "0123456789" else ord(" ") for byte in range(256))
_GREATEST = 2**63
_NOT_ESCAPED = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON body is decoded strictly; no other code decodes bodies."""

    async def json(self) -> Any:
        """Return the decoded body; raise :class:`Invalid` if it is not plain JSON."""
        check_media_type(self.headers.get("content-type"))
        try:
            value = await super().json()
        except SerializationException:
            check_surrogates(await self.body())
            raise
        check_members(await self.body(), value)
        return value


async def check_request(request: Request[Any, Any, Any]) -> None:
    """Refuse repeated parameters, a broken encoding and, on our own surfaces, unknown parameters.

    The surfaces of the original ignore unknown names, as the original does, so apps run unchanged.
    """
    query, handler = request.scope["query_string"], request.route_handler
    if not query:
        return
    known = sorted(query_names(handler).values())
    given = check_query(query, known)
    if request.method != "OPTIONS" and STRICT_QUERY.items() <= handler.opt.items():
        check_names(given, known)


def check_media_type(given: str | None) -> None:
    """Refuse a body that is not JSON; one without a Content-Type is taken for JSON."""
    if given and not _JSON_TYPE.fullmatch(given.strip()):
        raise refusals.request.MEDIA_TYPE_UNSUPPORTED(found=repr(given[:80]))


def check_members(raw: bytes, value: object) -> None:
    """Refuse faults a decoder accepts: repeated names, integers beyond 64 bits, and NUL in text.

    Encoded again, a value has as many quotation marks as the original unless a member was lost or a
    quotation mark was escaped. So the slow parser, which can name the member, rarely runs.
    """
    written = msgspec.json.encode(value)
    if raw.count(b'"') != written.count(b'"') or b"\\u0022" in raw:
        json.loads(raw, object_pairs_hook=_object)
    if _LONG_NUMBER in raw.translate(_DIGITS_AS_0):
        json.loads(raw, parse_int=_integer)
    if b"\\u0000" in written:
        check_json("text", value)


def check_surrogates(raw: bytes) -> None:
    """Raise :class:`Invalid` for a lone surrogate, which the decoder reports as truncated data."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return
    check_json("text", value)


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -_GREATEST <= int(digits) < _GREATEST:
        raise refusals.request.INTEGER_TOO_LARGE(digits=digits)
    return int(digits)


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(members)
    if len(value) < len(members):
        [(name, _)] = Counter(name for name, _ in members).most_common(1)
        raise refusals.request.MEMBER_REPEATED(name=name[:80])
    return value


def check_query(query: bytes, known: Sequence[str]) -> list[str]:
    """Return the parameter names; refuse a broken encoding, and known parameters given twice."""
    fault = _encoding_fault(query)
    names = Counter() if fault else _names(query)
    twice = next((name for name in known if names[name] > 1), None)
    if twice is not None:
        fault = f"{twice} {names[twice]} times"
    if fault is not None:
        raise refusals.request.QUERY_INVALID(found=fault)
    return list(names)


def check_names(given: Iterable[str], known: Sequence[str]) -> None:
    """Refuse an unknown parameter, since ignoring it would silently change what the call does."""
    unknown = next((name for name in given if name not in known), None)
    if unknown is None:
        return
    spelled = {name.lower(): name for name in known}
    near = get_close_matches(unknown[:80].lower().replace("_", ""), spelled, n=1)
    values = {"known": ", ".join(known) or "none", "parameter": unknown[:80]}
    if near:
        raise refusals.request.PARAMETER_UNKNOWN_BUT_NEAR(near=spelled[near[0]], **values)
    raise refusals.request.PARAMETER_UNKNOWN(**values)


def _encoding_fault(query: bytes) -> str | None:
    if _NOT_ESCAPED.search(query):
        return "a percent sign without two hexadecimal digits"
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        return "bytes that are not UTF-8"
    return None


def _names(query: bytes) -> Counter[str]:
    pairs = query.decode("latin-1").split("&")
    return Counter(unquote_plus(pair.partition("=")[0]) for pair in pairs if pair)
