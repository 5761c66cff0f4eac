"""The platform that use cases work with, and checks of the ids and texts they are given."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from ferryman import refusals, stored_text
from ferryman.errors import NotFound
from ferryman.functions.hosting import Hostings
from ferryman.metrics import Metrics
from ferryman.objects.port import ObjectStore
from ferryman.services.acknowledging_turns import AcknowledgingTurns
from ferryman.services.answer_cache import AnswerCache
from ferryman.services.earlier_transfer_cache import EarlierTransferCache
from ferryman.services.group_commit import GroupCommit
from ferryman.services.quota import AppObjects, HeldBytes, OpenUploads, SqlBytes
from ferryman.services.single_flight import SingleFlight
from ferryman.store.database import Database
from ferryman.store.mariadb.databases import AppDatabases

if TYPE_CHECKING:
    from ferryman.config import Settings
else:
    # The framework looks up the types of what handlers are given.
    from ferryman.plain_settings import DerivedSettings as Settings

T = TypeVar("T")

LATEST = 253_402_300_799_999
"""The end of the year 9999, in epoch milliseconds."""


@dataclass(frozen=True, slots=True)
class Platform:
    """The running platform: database, object store, settings, metrics and in-process state."""

    database: Database
    objects: ObjectStore
    settings: Settings
    metrics: Metrics = field(default_factory=Metrics)
    group_commit: GroupCommit = field(default_factory=GroupCommit)
    acknowledging: AcknowledgingTurns = field(default_factory=AcknowledgingTurns)
    single_flight: SingleFlight = field(default_factory=SingleFlight)
    hostings: Hostings = field(default_factory=Hostings)
    app_objects: AppObjects = field(default_factory=AppObjects)
    open_uploads: OpenUploads = field(default_factory=OpenUploads)
    held_bytes: HeldBytes = field(default_factory=HeldBytes)
    earlier_transfer_cache: EarlierTransferCache = field(default_factory=EarlierTransferCache)
    answer_cache: AnswerCache = field(default_factory=AnswerCache)
    shared_reports: asyncio.Lock = field(default_factory=asyncio.Lock)
    """The turn of reports for people without an account, who must not take all connections."""
    loads: asyncio.Semaphore = field(init=False)
    """Turns of mapping loads, which hold a third of the database connections at most."""
    app_databases: AppDatabases = field(init=False)
    sql_bytes: SqlBytes = field(init=False)

    def __post_init__(self) -> None:
        turns = max(1, self.settings.database_pool // 3)
        object.__setattr__(self, "loads", asyncio.Semaphore(turns))
        # A data folder is of one machine; with S3 there may be several.
        folder = None if self.settings.object_store else self.settings.data_dir
        databases = AppDatabases(self.settings.mariadb_url, folder)
        object.__setattr__(self, "app_databases", databases)
        object.__setattr__(self, "sql_bytes", SqlBytes(self.settings.sql_bytes))

    @property
    def heartbeat_timeout(self) -> timedelta:
        """Return how long a worker may be silent before it is presumed dead."""
        return timedelta(seconds=self.settings.heartbeat_seconds)


async def wait_for_event(event: asyncio.Event, seconds: float) -> bool:
    """Wait for ``event`` for at most ``seconds``; return whether it was set."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


check_text = stored_text.check_text
"""Refuse a text that is too long or cannot be stored; return any other."""


def parse_id(not_found: refusals.Refusal[NotFound], text: str) -> UUID:
    """Return the id in ``text``; refuse a malformed one with ``not_found``, like an unknown one."""
    try:
        value = UUID(text)
    except ValueError:
        raise not_found(id=text) from None
    if str(value) != text.lower():
        raise not_found(id=text)
    return value


def check_json(name: str, value: object) -> None:
    """Refuse texts in a JSON value that PostgreSQL cannot store."""
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
    """Return the requested page size; refuse one out of bounds."""
    if asked is None:
        return default
    if not 1 <= asked <= greatest:
        raise refusals.request.PAGE_SIZE_INVALID(greatest=greatest, asked=asked, default=default)
    return asked


def encode_cursor(text: str, *query: object) -> str:
    """Return an opaque, URL-safe cursor that is valid only for ``query``.

    ``query`` is the name of the list and its filters. The page size is not part of it, as it may
    change from page to page.
    """
    return base64.urlsafe_b64encode(_mark(query) + text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *query: object) -> str | None:
    """Return the text that :func:`encode_cursor` was given for the same ``query``."""
    if not cursor:
        return None
    mark = _mark(query)
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        decoded = base64.b64decode(padded, altchars=b"-_", validate=True)
        if not decoded.startswith(mark):
            raise refusals.request.CURSOR_INVALID(cursor=cursor)
        return decoded.removeprefix(mark).decode()
    except (binascii.Error, ValueError):
        raise refusals.request.CURSOR_INVALID(cursor=cursor) from None


async def row_of_cursor(
    cursor: str | None, find: Callable[[UUID], Awaitable[T | None]], *query: object
) -> T | None:
    """Return the row whose id is in a cursor; None without a cursor.

    Raises :class:`Invalid` (``cursor_invalid``) if there is no such row.
    """
    text = decode_cursor(cursor, *query)
    if text is None:
        return None
    try:
        row_id = UUID(text)
    except ValueError:
        raise refusals.request.CURSOR_INVALID(cursor=cursor) from None
    row = await find(row_id)
    if row is None:
        raise refusals.request.CURSOR_INVALID(cursor=cursor)
    return row


def _mark(query: tuple[object, ...]) -> bytes:
    """Return a short hash of a query.

    It needs no secret: a forged cursor shows nothing that the query would not.
    """
    return blake2b(repr([str(part) for part in query]).encode(), digest_size=6).digest()


def decode_position(cursor: str | None, *query: object) -> int:
    """Return the number in a cursor; without one 0, which precedes every row."""
    text = decode_cursor(cursor, *query) or "0"
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise refusals.request.CURSOR_INVALID(cursor=cursor)
    return int(text)


def instant(epoch_ms: int | None) -> datetime | None:
    """Return epoch milliseconds as a time; raise :class:`Invalid` (``instant_invalid``)."""
    if epoch_ms is None:
        return None
    if not 0 <= epoch_ms <= LATEST:
        raise refusals.message.INSTANT_INVALID(epoch_ms=epoch_ms)
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)
