"""An app's own upload: load and check it, sign the URLs of its parts, and restart it."""

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain import export as export_rules
from ferryman.domain.limits import FILES_AT_ONCE, SIGNED_URL_LIFE
from ferryman.objects.parts import check_request
from ferryman.objects.port import SignedPart
from ferryman.services import transfer as transfer_service
from ferryman.services.claim import check_claim
from ferryman.services.platform import Platform, parse_id
from ferryman.services.quota import with_parts
from ferryman.services.reuse import WantedPart, copy_held
from ferryman.store import app_data as app_data_store
from ferryman.store import transfer as transfer_store
from ferryman.store import upload as upload_store
from ferryman.store.app import AppRow
from ferryman.store.app_data import AppDataRow
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.store.upload import UploadRow
from ferryman.vocab import GivenUp
from ferryman.wire.upload import AppDataReceipt, PartRequest, PartUrl, PartUrls, StoredPart

_PARTS_AT_ONCE = 1_000


async def own(tx: Transaction, app: AppRow, upload_id: str) -> UploadRow:
    """Return the app's own upload; another app's upload looks like an unknown one."""
    upload = await upload_store.by_id(
        tx, parse_id(refusals.upload.NOT_FOUND, upload_id), app.app_id
    )
    if upload is None:
        raise refusals.upload.NOT_FOUND(id=upload_id)
    return upload


async def receipts(tx: Transaction, uploads: Iterable[UploadRow]) -> dict[UUID, AppDataReceipt]:
    """Return the receipts of those uploads that are complete, by upload."""
    done = [upload.upload_id for upload in uploads if upload.state == "COMPLETED"]
    files = await app_data_store.of_uploads(tx, done)
    return {upload_id: receipt_of(file) for upload_id, file in files.items()}


def check_open(upload: UploadRow, stored: StoredTransfer) -> None:
    """Refuse an upload that takes no more parts."""
    check_current(upload, stored)
    if upload.state != "OPEN":
        raise refusals.upload.CLOSED_COMPLETE()


def check_current(upload: UploadRow, stored: StoredTransfer) -> None:
    """Refuse an upload that is not, and cannot become, a file of the transfer.

    Raises :class:`Conflict`: ``claim_superseded`` for a file that an earlier claim left open,
    ``upload_closed`` for one that was given up.
    """
    if upload.state == "OPEN" or upload.reason is GivenUp.SUPERSEDED:
        check_claim(upload.claim, stored)
    if upload.state == "ABORTED":
        why = "" if upload.reason is None else f" ({upload.reason})"
        raise refusals.upload.CLOSED_ABORTED(reason=why)


def receipt_of(file: AppDataRow) -> AppDataReceipt:
    """Return the receipt of a file for its uploader."""
    return AppDataReceipt(
        key=str(file.key),
        label=file.label,
        size=file.size,
        sha256=file.sha256,
        parts_sha256=file.parts_sha256,
        message_id=str(file.message_id),
    )


async def sign_parts(
    platform: Platform,
    app: AppRow,
    upload_id: str,
    parts: list[PartRequest],
    first_sha256: str | None = None,
) -> PartUrls:
    """Sign URLs that accept exactly these bytes, valid for one hour; this moves the deadline.

    With ``first_sha256``, the digest of the file's first part, parts that an earlier transfer sent
    are copied instead.
    """
    if not 1 <= len(parts) <= _PARTS_AT_ONCE:
        raise refusals.upload.TOO_MANY_PARTS_AT_ONCE(limit=_PARTS_AT_ONCE, count=len(parts))
    check_parts(platform, parts)
    async with platform.database.reading() as tx:
        upload = await own(tx, app, upload_id)
        stored = await transfer_service.load_own(tx, app, str(upload.transfer_id))
        now = tx.now
        # Parts of a large file would wait for each other's commit, to move it by milliseconds.
        touches = export_rules.needs_touch(stored.state, now)
        if not touches:
            check_open(upload, stored)
            export_rules.check_exporting(stored.state, "uploading app data")
    if touches:
        async with platform.database.transaction() as tx:
            stored = await transfer_service.lock_exporting(tx, app, str(upload.transfer_id))
            upload = await own(tx, app, upload_id)
            check_open(upload, stored)
            await extend_deadline(tx, stored)
            now = tx.now
    await _reserve(platform, app, upload, parts)
    reference = await platform.objects.widened(str(upload.key), upload.store_ref, parts)
    if reference != upload.store_ref:
        if not await _replace(platform, upload, reference):
            # Another call widened, completed or aborted the upload: retry with its current state.
            await platform.objects.abort(str(upload.key), reference)
            return await sign_parts(platform, app, upload_id, parts, first_sha256)
        upload = replace(upload, store_ref=reference)
    held: dict[tuple[UUID, int], StoredPart] = {}
    if first_sha256 is not None:
        wanted = [WantedPart(upload, part, first_sha256) for part in parts]
        held = await copy_held(platform, stored, wanted)
    missing = [part for part in parts if (upload.upload_id, part.number) not in held]
    urls = await signed(platform, upload, missing, now)
    return PartUrls(parts=urls, held=list(held.values()))


async def _reserve(
    platform: Platform, app: AppRow, upload: UploadRow, parts: Sequence[PartRequest]
) -> None:
    """Count parts that may come among the bytes that the app holds."""
    if with_parts(upload, parts) == upload:
        return
    async with AsyncExitStack() as until_committed, platform.database.transaction() as tx:
        # Parts of a file are asked for at once, and each would count those before it again.
        upload = await upload_store.hold(tx, upload)
        grown = with_parts(upload, parts)
        admitted = platform.held_bytes.admit(tx, app.app_id, grown.reserved - upload.reserved)
        await until_committed.enter_async_context(admitted)
        await upload_store.reserve(tx, grown)


async def restart(platform: Platform, upload: UploadRow) -> bool:
    """Re-open an upload in the store, without the parts that it had.

    Returns False if another call re-opened, completed or aborted it first.
    """
    key = str(upload.key)
    reference = await platform.objects.begin(key)
    replaced = await _replace(platform, upload, reference)
    await platform.objects.abort(key, upload.store_ref if replaced else reference)
    return replaced


async def _replace(platform: Platform, upload: UploadRow, reference: str) -> bool:
    async with platform.database.transaction() as tx:
        # The transfer's lock orders this against a completion under the old reference.
        await transfer_store.lock(tx, upload.transfer_id)
        return await upload_store.set_store_ref(tx, upload, reference)


async def extend_deadline(tx: Transaction, stored: StoredTransfer) -> None:
    """Move the deadline of a locked transfer, since bytes are arriving."""
    extended = export_rules.extend_deadline(stored.state, tx.now)
    await transfer_store.save(tx, stored.transfer_id, extended.transfer)


def check_count(files: int) -> None:
    """Refuse an empty batch of files, and one of too many."""
    if not 1 <= files <= FILES_AT_ONCE:
        raise refusals.upload.BATCH_SIZE_INVALID(limit=FILES_AT_ONCE, count=files)


def check_parts(platform: Platform, parts: list[PartRequest]) -> None:
    """Refuse parts that the store cannot take."""
    store = platform.objects
    for part in parts:
        check_request(
            part,
            max_part_size=store.max_part_size,
            max_parts=store.max_parts,
            checksums=store.checksums,
        )


async def signed(
    platform: Platform, upload: UploadRow, parts: list[PartRequest], now: datetime
) -> list[PartUrl]:
    """Return the signed URLs of parts, valid for one hour from ``now``."""
    store, expires_at = platform.objects, now + SIGNED_URL_LIFE
    signed = [
        await store.part_url(
            str(upload.key), upload.store_ref, part, expires_at=expires_at, now=now
        )
        for part in parts
    ]
    return [part_url_view(part) for part in signed]


def part_url_view(part: SignedPart) -> PartUrl:
    """Return a signed URL as clients get it."""
    return PartUrl(
        number=part.number,
        method=part.method,
        url=part.url,
        headers=part.headers,
        expires_at=epoch_ms(part.expires_at),
    )
