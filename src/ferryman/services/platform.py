"""What every use case works with, and how it reads the ids and texts it is given."""

import asyncio
import base64
import binascii
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from uuid import UUID

from ferryman.config import Settings
from ferryman.errors import Invalid, LimitExceeded, not_found
from ferryman.figures import Figures
from ferryman.objects.port import ObjectStore
from ferryman.services.gathering import Gathering
from ferryman.services.once import Once
from ferryman.store.database import Database


@dataclass(frozen=True, slots=True)
class Platform:
    """The running platform: where state and bytes are kept, the settings, what is counted."""

    database: Database
    objects: ObjectStore
    settings: Settings
    figures: Figures = field(default_factory=Figures)
    gathering: Gathering = field(default_factory=Gathering)
    once: Once = field(default_factory=Once)

    @property
    def silence(self) -> timedelta:
        """A worker that gave no sign of life for so long is taken for dead."""
        return timedelta(seconds=self.settings.heartbeat_seconds)


async def passed(event: asyncio.Event, seconds: float) -> bool:
    """Wait for ``event``, at most so long; whether it has come."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


def parse_id(noun: str, text: str) -> UUID:
    """The id of a ``noun``; a malformed one looks like an unknown one."""
    try:
        value = UUID(text)
    except ValueError:
        raise not_found(noun, text) from None
    if str(value) != text.lower():
        raise not_found(noun, text)
    return value


def check_text(name: str, text: str, *, longest: int) -> str:
    """Any Unicode text that PostgreSQL and UTF-8 can carry, up to ``longest`` characters."""
    if len(text) > longest:
        raise LimitExceeded(
            f"{name}_too_long",
            expected=f"at most {longest} characters as {name}",
            found=f"{len(text)} characters",
            fix=f"Shorten the {name}.",
        )
    if "\x00" in text or not (text.isascii() or _encodable(text)):
        raise Invalid(
            f"{name}_invalid",
            expected=f"Unicode characters as {name}",
            found="a NUL character or half of a surrogate pair",
            fix=f"Remove that character from the {name}.",
        )
    return text


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_json(name: str, value: object) -> None:
    """The texts within a JSON value: PostgreSQL keeps no NUL in them either."""
    if isinstance(value, str):
        check_text(name, value, longest=len(value))
    elif isinstance(value, dict):
        for key, member in value.items():
            check_json(name, key)
            check_json(name, member)
    elif isinstance(value, list):
        for member in value:
            check_json(name, member)


def page_size(asked: int | None, *, default: int, greatest: int) -> int:
    """The size of a page that was asked for, within its bounds."""
    if asked is None:
        return default
    if not 1 <= asked <= greatest:
        raise Invalid(
            "page_size_invalid",
            expected=f"a page size from 1 to {greatest}",
            found=str(asked),
            fix=f"Leave it out for {default}.",
        )
    return asked


def encode_cursor(text: str, *query: object) -> str:
    """An opaque cursor that is safe in a URL and good for ``query`` only.

    ``query`` is the name of the list and all that selects what is in it. Pages may be asked for
    in another size, so the size is no part of it.
    """
    return base64.urlsafe_b64encode(_mark(query) + text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *query: object) -> str | None:
    """What :func:`encode_cursor` was given for the same ``query``."""
    if not cursor:
        return None
    mark = _mark(query)
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        found = base64.b64decode(padded, altchars=b"-_", validate=True)
        if not found.startswith(mark):
            raise bad_cursor(cursor)
        return found.removeprefix(mark).decode()
    except (binascii.Error, ValueError):
        raise bad_cursor(cursor) from None


def _mark(query: tuple[object, ...]) -> bytes:
    """Tells queries apart. No secret: a forged cursor shows nothing that the query does not."""
    return blake2b(repr([str(part) for part in query]).encode(), digest_size=6).digest()


def decode_position(cursor: str | None, *query: object) -> int:
    """The number in a cursor; 0, which is before all, without one."""
    text = decode_cursor(cursor, *query) or "0"
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise bad_cursor(cursor or "")
    return int(text)


def bad_cursor(cursor: str) -> Invalid:
    """The answer to a cursor that no page of this list gave out."""
    return Invalid(
        "cursor_invalid",
        expected="a cursor that an earlier page of the same list gave",
        found=f"{cursor[:64]!r}",
        fix="Begin without a cursor, then pass each page's cursor to the next call.",
    )
