"""The forms of `@forge/kvs`: what it sends, and the answers and errors that it reads."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response
from msgspec import UNSET, Raw

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain import key_value as key_value_rules
from ferryman.domain.key_value import NO_ENTITY, Name, Write
from ferryman.domain.limits import KVS_DEPTH
from ferryman.errors import PlatformError
from ferryman.kvs_vocab import KeyPolicy, MetadataField
from ferryman.store.key_value import ValueRow
from ferryman.wire.key_value import (
    BatchAnswer,
    DoneKey,
    FailedKey,
    KeyProblem,
    KeyToRead,
    KeyToWrite,
    StoredValue,
    ValueQuery,
    WriteOptions,
)

T = TypeVar("T")
K = TypeVar("K", KeyToRead, KeyToWrite)
Asked = Request[Any, Any, Any]

_CODES = {refusals.access.RATE_LIMITED.code: "RATE_LIMIT_EXCEEDED"}
_HALF = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
"""The escape of a surrogate without the other one."""

_BEGINS = ("key", "BEGINS_WITH")


async def body_of(request: Asked, kind: type[T]) -> T:
    """Decode what the package sent, less strictly than our own calls: a value may be any JSON."""
    body = await request.body()
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _undecodable(body, error) from error
    except RecursionError as error:
        raise refusals.key_value.VALUE_TOO_DEEP(limit=KVS_DEPTH) from error


async def single_of(request: Asked, kind: type[K], *, entity: bool = False) -> K:
    """Decode a call that names one key: of an entity, or of none."""
    asked = await body_of(request, kind)
    if bool(asked.entity_name) is not entity:
        found = "an entity's name" if asked.entity_name else "no entity's name"
        raise refusals.key_value.REQUEST_INVALID(found=found)
    return asked


async def batch_of(request: Asked, kind: type[K]) -> tuple[list[K], int]:
    """Decode a batch of keys; return also the size of the call."""
    asked = await body_of(request, list[kind])  # type: ignore[valid-type]
    return asked, len(await request.body())


def name_of(asked: KeyToRead | KeyToWrite) -> Name:
    """Return the entity and the key."""
    return asked.entity_name or NO_ENTITY, asked.key


def prefix_of(query: ValueQuery) -> str:
    """Return the prefix of the keys that a query asks for."""
    if not query.where:
        return ""
    [first, *others] = query.where
    if others or (first.property, first.condition) != _BEGINS or len(first.values) != 1:
        names = ", ".join(f"{each.property} {each.condition}" for each in query.where)
        raise refusals.key_value.QUERY_INVALID(found=names)
    return first.values[0]


def value_of(raw: Raw) -> bytes:
    """Return the JSON of a value; its texts and numbers were not looked at until now."""
    content = bytes(raw)
    try:
        if content:  # else it was left out
            msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _undecodable(content, error) from error
    except RecursionError as error:
        raise refusals.key_value.VALUE_TOO_DEEP(limit=KVS_DEPTH) from error
    return content


def is_half_character(content: bytes, error: Exception) -> bool:
    """Return whether JSON was not taken because of half of a surrogate pair."""
    return isinstance(error, msgspec.DecodeError) and _HALF.search(content) is not None


def _undecodable(content: bytes, error: Exception) -> PlatformError:
    """Return why JSON was not taken; the decoder takes half a character for a missing end."""
    if is_half_character(content, error):
        return refusals.key_value.HALF_CHARACTER()
    return refusals.key_value.REQUEST_INVALID(found=str(error))


def write_of(asked: KeyToWrite) -> Write:
    """Return the write that a call asks for."""
    options = asked.options or WriteOptions()
    ttl = options.ttl
    return Write(
        key=asked.key,
        entity=asked.entity_name or NO_ENTITY,
        value=value_of(asked.value),
        lifetime=None if ttl is None else key_value_rules.lifetime(ttl.value, ttl.unit),
        override=options.key_policy is not KeyPolicy.FAIL_IF_EXISTS,
    )


def fields_of(asked: KeyToRead) -> Sequence[MetadataField]:
    """Return the metadata fields that are asked for beside a value."""
    return asked.options.metadata_fields if asked.options else ()


def stored_value(
    row: ValueRow, fields: Sequence[MetadataField], entity: str = NO_ENTITY
) -> StoredValue:
    """Return a value with the metadata asked for; only batches name its ``entity``."""
    ends = row.expires_at
    if MetadataField.EXPIRE_TIME not in fields:
        ends = None
    return StoredValue(
        key=row.key,
        entity_name=entity or UNSET,
        value=Raw(row.value),
        created_at=epoch_ms(row.created_at) if MetadataField.CREATED_AT in fields else UNSET,
        updated_at=epoch_ms(row.updated_at) if MetadataField.UPDATED_AT in fields else UNSET,
        expire_time=UNSET if ends is None else _iso(ends),
    )


def answer_value(value: object) -> Response[bytes]:
    """Answer with JSON."""
    return Response(msgspec.json.encode(value), status_code=200, media_type="application/json")


def done_key(name: Name) -> DoneKey:
    """Return a key that was set or deleted."""
    entity, key = name
    return DoneKey(key=key, entity_name=entity or UNSET)


def outcome(
    done: Iterable[StoredValue | DoneKey], failed: Mapping[Name, PlatformError]
) -> Response[bytes]:
    """Answer a batch: the keys that were done, and the others with their reasons."""
    problems = [
        FailedKey(key=key, entity_name=entity or UNSET, error=problem(error))
        for (entity, key), error in failed.items()
    ]
    return answer_value(BatchAnswer(successful_keys=list(done), failed_keys=problems))


def problem(error: PlatformError) -> KeyProblem:
    """Return the words for a refusal, with the code that Forge has for it."""
    code = _CODES.get(error.code) or error.code.removeprefix("kvs_").upper()
    message = f"Expected {error.expected}; found {error.found}. {error.fix}"
    return KeyProblem(code=code, message=message)


def _iso(moment: datetime) -> str:
    """Return a time in the form of JavaScript's dates."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
