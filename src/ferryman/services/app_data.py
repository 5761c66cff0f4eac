"""Read app data on the cloud side."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from ferryman import refusals
from ferryman.domain import lifetime
from ferryman.domain import transfer as transfer_rules
from ferryman.domain.limits import DATA_PAGE, SIGNED_URL_LIFE
from ferryman.domain.scope import check_app_data
from ferryman.services import transfer as transfer_service
from ferryman.services.platform import Platform, page_size, parse_id
from ferryman.store import app_data as app_data_store
from ferryman.store.app import AppRow
from ferryman.store.app_data import FileToRead
from ferryman.store.database import Transaction
from ferryman.wire.app_data import AppDataItem, AppDataPage, DataUrl, FilePart, FileParts

_LONGEST_NAME = 100
"""In characters: each can take twelve in a URL, and file systems allow few more."""


async def page(
    platform: Platform, app: AppRow, transfer_id: str, *, cursor: str | None, size: int | None
) -> AppDataPage:
    """Return a page of a transfer's files, in no meaningful order (labels may carry one)."""
    limit = page_size(size, default=DATA_PAGE, greatest=DATA_PAGE)
    try:
        after = UUID(cursor) if cursor else None
    except ValueError:
        raise refusals.request.CURSOR_INVALID(cursor=cursor) from None
    async with platform.database.transaction() as tx:
        stored = await transfer_service.load_live(tx, app, transfer_id, "listing app data")
        _check_readable(stored.access_scopes, stored.state, tx.now)
        last = None if after is None else await app_data_store.by_key(tx, after)
        if after is not None and (last is None or last.transfer_id != stored.transfer_id):
            raise refusals.request.CURSOR_INVALID(cursor=cursor)
        rows = await app_data_store.page(
            tx, stored.transfer_id, after=after or UUID(int=0), size=limit + 1
        )
    items = [
        AppDataItem(
            s3_key=str(key),
            key=str(key),
            label=msgspec.UNSET if label is None else label,
            file_size=file_size,
        )
        for key, label, file_size in rows[:limit]
    ]
    return AppDataPage(items=items, last_evaluated_key=items[-1].key if len(rows) > limit else None)


async def list_all(platform: Platform, app: AppRow, transfer_id: str) -> list[AppDataItem]:
    """Return all files of a transfer: the documented, deprecated call (forge-rest)."""
    items: list[AppDataItem] = []
    cursor: str | None = None
    while True:
        part = await page(platform, app, transfer_id, cursor=cursor, size=None)
        items += part.items
        cursor = part.last_evaluated_key
        if cursor is None:
            return items


async def url(platform: Platform, app: AppRow, key: str) -> DataUrl:
    """Return a signed URL that reads a file, valid for one hour."""
    async with platform.database.reading() as tx:
        file = await _readable(tx, app, key)
        now = tx.now
    return DataUrl(
        url=await platform.objects.read_url(
            str(file.key),
            expires_at=now + SIGNED_URL_LIFE,
            now=now,
            download_name=_download_name(file),
            app=str(app.app_id),
        )
    )


def _download_name(file: FileToRead) -> str:
    """Return the label, cleaned up to be a file name; the key if nothing is left of it."""
    name = "".join("_" if c in "/\\" or not c.isprintable() else c for c in file.label or "")
    return name.strip(" .")[:_LONGEST_NAME] or str(file.key)


async def parts(platform: Platform, app: AppRow, key: str) -> FileParts:
    """Return the digests that prove a file, and a signed URL to read it."""
    async with platform.database.reading() as tx:
        file = await _readable(tx, app, key, with_parts=True)
        now = tx.now
    return FileParts(
        url=await platform.objects.read_url(
            str(file.key), expires_at=now + SIGNED_URL_LIFE, now=now, app=str(app.app_id)
        ),
        size=file.size,
        sha256=file.sha256,
        parts_sha256=file.parts_sha256,
        parts=[
            FilePart(number=part.number, size=part.size, sha256=part.sha256) for part in file.parts
        ],
    )


async def payload(
    platform: Platform, app: AppRow, key: str, *, step: int
) -> tuple[int, AsyncIterator[bytes]]:
    """Return size and bytes of a file, for apps that read through the platform."""
    async with platform.database.reading() as tx:
        file = await _readable(tx, app, key)
    return file.size, platform.objects.stream(str(file.key), step=step)


async def _readable(
    tx: Transaction, app: AppRow, key: str, *, with_parts: bool = False
) -> FileToRead:
    file_key = parse_id(refusals.upload.FILE_NOT_FOUND, key)
    file = await app_data_store.to_read(tx, file_key, with_parts=with_parts)
    if file is None or not transfer_service.owns(app, file.app_id, file.cloud_url):
        raise refusals.upload.FILE_NOT_FOUND(id=key)
    transfer_rules.check_status(file.status, "reading app data")
    _check_readable(file.access_scopes, file, tx.now)
    return file


def _check_readable(scopes: Sequence[str], transfer: lifetime.HasLifetime, now: datetime) -> None:
    check_app_data(scopes)
    until = lifetime.data_readable_until(transfer)
    if until is not None and now >= until:
        raise refusals.upload.APP_DATA_EXPIRED(until=until)
