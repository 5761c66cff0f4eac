"""Where the parts of an upload go: URLs that the store signs for just these bytes."""

from dataclasses import replace
from datetime import datetime

from ferryman.clock import epoch_ms
from ferryman.domain import transfer as rules
from ferryman.domain.limits import SIGNED_URL_LIFE
from ferryman.errors import LimitExceeded
from ferryman.objects.parts import check_request
from ferryman.services import transfer as transfer_service
from ferryman.services.own_upload import check_open, own
from ferryman.services.platform import Platform
from ferryman.store import transfer as transfers
from ferryman.store import upload as uploads
from ferryman.store.app import App
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.store.upload import Upload
from ferryman.wire.upload import PartRequest, PartUrl, PartUrls

_PARTS_AT_ONCE = 1_000


async def sign_parts(
    platform: Platform, app: App, upload_id: str, parts: list[PartRequest]
) -> PartUrls:
    """URLs that take exactly these bytes, for an hour. Moves the deadline: bytes are coming."""
    if not 1 <= len(parts) <= _PARTS_AT_ONCE:
        raise LimitExceeded(
            "too_many_parts",
            expected=f"1 to {_PARTS_AT_ONCE} parts in one call",
            found=str(len(parts)),
            fix="Ask for fewer at a time.",
        )
    check_parts(platform, parts)
    async with platform.database.transaction() as tx:
        upload = await own(tx, app, upload_id)
        stored = await transfer_service.lock_exporting(tx, app, str(upload.transfer_id))
        check_open(upload, stored)
        await touch(tx, stored)
        now = tx.now
    reference = await platform.objects.widened(str(upload.key), upload.store_ref, parts)
    if reference != upload.store_ref:
        if not await _replace(platform, upload, reference):
            # Another call did the same, or completed or aborted it: begin anew with what is now.
            await platform.objects.abort(str(upload.key), reference)
            return await sign_parts(platform, app, upload_id, parts)
        upload = replace(upload, store_ref=reference)
    return PartUrls(parts=await signed(platform, upload, parts, now))


async def restart(platform: Platform, upload: Upload) -> bool:
    """Give an upload another one in the store, without the parts that the first one holds.

    False when another call replaced, completed or aborted it in the meantime.
    """
    key = str(upload.key)
    reference = await platform.objects.begin(key)
    replaced = await _replace(platform, upload, reference)
    await platform.objects.abort(key, upload.store_ref if replaced else reference)
    return replaced


async def _replace(platform: Platform, upload: Upload, reference: str) -> bool:
    async with platform.database.transaction() as tx:
        # The transfer's lock orders this against a completion under the old reference.
        await transfers.lock(tx, upload.transfer_id)
        return await uploads.set_store_ref(tx, upload, reference)


async def touch(tx: Transaction, stored: StoredTransfer) -> None:
    """Bytes are coming: the deadline of a locked transfer moves."""
    touched = rules.touch_upload(stored.state, tx.now)
    await transfers.save(tx, stored.transfer_id, touched.transfer)


def check_parts(platform: Platform, parts: list[PartRequest]) -> None:
    """Each can go to the store."""
    store = platform.objects
    for part in parts:
        check_request(
            part,
            max_part_size=store.max_part_size,
            max_parts=store.max_parts,
            checksums=store.checksums,
        )


async def signed(
    platform: Platform, upload: Upload, parts: list[PartRequest], now: datetime
) -> list[PartUrl]:
    """Where they go, for an hour from ``now``."""
    store, expires_at = platform.objects, now + SIGNED_URL_LIFE
    signed = [
        await store.part_url(
            str(upload.key), upload.store_ref, part, expires_at=expires_at, now=now
        )
        for part in parts
    ]
    return [
        PartUrl(
            number=part.number,
            method=part.method,
            url=part.url,
            headers=part.headers,
            expires_at=epoch_ms(part.expires_at),
        )
        for part in signed
    ]
