"""Reading app data on the cloud side."""

from collections.abc import AsyncIterator
from uuid import UUID

import msgspec

from ferryman.domain import transfer as rules
from ferryman.domain.limits import DATA_PAGE, SIGNED_URL_LIFE
from ferryman.domain.scope import check_app_data
from ferryman.errors import Expired, not_found
from ferryman.services import transfer as transfer_service
from ferryman.services.platform import Platform, bad_cursor, page_size, parse_id
from ferryman.store import app_data
from ferryman.store.app import App
from ferryman.store.app_data import AppData
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.wire.app_data import AppDataItem, AppDataPage, DataUrl, FilePart, FileParts

_LONGEST_NAME = 100
"""Characters: each may be twelve in a URL, and more than a file system takes is of no use."""


async def page(
    platform: Platform, app: App, transfer_id: str, *, cursor: str | None, size: int | None
) -> AppDataPage:
    """Files of a transfer, in no order that means anything (labels may carry one)."""
    limit = page_size(size, default=DATA_PAGE, greatest=DATA_PAGE)
    try:
        after = UUID(cursor) if cursor else None
    except ValueError:
        raise bad_cursor(cursor or "") from None
    async with platform.database.transaction() as tx:
        stored = await transfer_service.load_live(tx, app, transfer_id, "listing app data")
        _check_readable(stored, tx)
        last = None if after is None else await app_data.by_key(tx, after)
        if after is not None and (last is None or last.transfer_id != stored.transfer_id):
            raise bad_cursor(cursor or "")
        found = await app_data.page(
            tx, stored.transfer_id, after=after or UUID(int=0), size=limit + 1
        )
    items = [
        AppDataItem(
            s3_key=str(key),
            key=str(key),
            label=msgspec.UNSET if label is None else label,
            file_size=file_size,
        )
        for key, label, file_size in found[:limit]
    ]
    return AppDataPage(
        items=items, last_evaluated_key=items[-1].key if len(found) > limit else None
    )


async def list_all(platform: Platform, app: App, transfer_id: str) -> list[AppDataItem]:
    """All files at once: the documented, deprecated call (forge-rest)."""
    items: list[AppDataItem] = []
    cursor: str | None = None
    while True:
        part = await page(platform, app, transfer_id, cursor=cursor, size=None)
        items += part.items
        cursor = part.last_evaluated_key
        if cursor is None:
            return items


async def url(platform: Platform, app: App, key: str) -> DataUrl:
    """A signed URL that reads one file for an hour."""
    async with platform.database.reading() as tx:
        file = await _readable(tx, app, key)
        now = tx.now
    return DataUrl(
        url=await platform.objects.read_url(
            str(file.key),
            expires_at=now + SIGNED_URL_LIFE,
            now=now,
            download_name=_download_name(file),
        )
    )


def _download_name(file: AppData) -> str:
    """Its label, as far as it can name a file; else its key."""
    name = "".join("_" if c in "/\\" or not c.isprintable() else c for c in file.label or "")
    return name.strip(" .")[:_LONGEST_NAME] or str(file.key)


async def parts(platform: Platform, app: App, key: str) -> FileParts:
    """What proves a file, and where to read it."""
    async with platform.database.reading() as tx:
        file = await _readable(tx, app, key)
        stored = await app_data.parts_of(tx, file.key)
        now = tx.now
    return FileParts(
        url=await platform.objects.read_url(
            str(file.key), expires_at=now + SIGNED_URL_LIFE, now=now
        ),
        size=file.size,
        sha256=file.sha256,
        parts=[FilePart(number=part.number, size=part.size, sha256=part.sha256) for part in stored],
    )


async def payload(platform: Platform, app: App, key: str) -> tuple[int, AsyncIterator[bytes]]:
    """Size and bytes of a file, for apps that read through the platform."""
    async with platform.database.reading() as tx:
        file = await _readable(tx, app, key)
    return file.size, platform.objects.stream(str(file.key))


async def _readable(tx: Transaction, app: App, key: str) -> AppData:
    found = await app_data.with_transfer(tx, parse_id("file", key))
    if found is None or not transfer_service.is_own(app, found[1]):
        raise not_found("file", key)
    file, stored = found
    rules.check_live(stored.state, "reading app data")
    _check_readable(stored, tx)
    return file


def _check_readable(stored: StoredTransfer, tx: Transaction) -> None:
    check_app_data(stored.access_scopes)
    until = rules.data_readable_until(stored.state)
    if until is not None and tx.now >= until:
        raise Expired(
            "app_data_expired",
            expected="a read within 12 days of the first notification",
            found=f"a lifetime that ended at {until:%Y-%m-%d %H:%M} UTC",
            fix="Export the data again in a new migration.",
        )
