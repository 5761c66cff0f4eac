"""Uploading app data: begin, sign parts, complete, abort.

The object store and the database cannot commit together. So the store completes first, under a
key that was fixed when the upload began, and completing is repeatable on both sides: killed in
between, the same call made again finds the file and writes the row.
"""

from dataclasses import replace
from datetime import datetime
from hashlib import sha256 as new_sha256
from uuid import UUID

import msgspec

from ferryman.clock import epoch_ms
from ferryman.domain import transfer as rules
from ferryman.domain.limits import LABEL_CHARACTERS, SIGNED_URL_LIFE
from ferryman.domain.scope import check_app_data
from ferryman.errors import Conflict, Invalid, LimitExceeded, not_found
from ferryman.ids import new_id
from ferryman.objects.parts import check_request
from ferryman.services import transfer as transfer_service
from ferryman.services.decision import apply, message_id_of
from ferryman.services.platform import Platform, check_text, parse_id
from ferryman.store import app_data, timeline
from ferryman.store import transfer as transfers
from ferryman.store import upload as uploads
from ferryman.store.app import App
from ferryman.store.app_data import AppData
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.store.upload import Upload
from ferryman.vocab import EventType, TransferStatus
from ferryman.wire.upload import (
    AppDataReceipt,
    CompleteRequest,
    PartRequest,
    PartUrl,
    PartUrls,
    StoredPart,
    UploadState,
    UploadView,
)

_PARTS_AT_ONCE = 1_000
_HEX = frozenset("0123456789abcdef")


async def begin(
    platform: Platform,
    app: App,
    transfer_id: str,
    label: str | None,
    resume_key: str | None = None,
    part: PartRequest | None = None,
    *,
    key: UUID | None = None,
) -> UploadView:
    """Open an upload, or find the one that was opened under the same resume key.

    A new one that is begun with its only ``part`` tells where that goes, which moves the deadline.
    ``key`` is given where a transfer is replayed.

    Nothing is announced before it is complete. One that is complete is found also after its
    transfer has ended, so that whoever was killed before it read the receipt gets it.
    """
    if label is not None:
        check_text("label", label, longest=LABEL_CHARACTERS)
    if resume_key is not None:
        check_text("resumeKey", resume_key, longest=LABEL_CHARACTERS)
        if found := await _begun(platform, app, transfer_id, label, resume_key):
            return found
    key = key or new_id()
    reference = await _open(platform, app, transfer_id, key, part)
    async with platform.database.transaction() as tx:
        stored = await _check_begin(tx, app, transfer_id, touch=part is not None)
        upload = Upload(
            upload_id=new_id(),
            transfer_id=stored.transfer_id,
            key=key,
            store_ref=reference,
            label=label,
            resume_key=resume_key,
            state="OPEN",
        )
        kept = await uploads.insert(tx, upload)
        if kept:
            await timeline.write(tx, stored.transfer_id, "upload.begun", key=str(key), label=label)
        now = tx.now
    if not kept:
        # Another process began under the same key in the meantime: its upload is the one.
        await platform.objects.abort(str(key), reference)
        return await begin(platform, app, transfer_id, label, resume_key, part)
    view = _view(platform, upload)
    if part is None:
        return view
    [signed] = await _signed(platform, upload, [part], now)
    return msgspec.structs.replace(view, part=signed)


async def _open(
    platform: Platform, app: App, transfer_id: str, key: UUID, part: PartRequest | None
) -> str:
    """A reference of the store, without asking it for anything where one part is all."""
    if part is not None:
        _check_parts(platform, [part])
        if single := await platform.objects.begin_single(part):
            return single
    # Nothing is opened on behalf of a transfer that takes no files.
    async with platform.database.transaction() as tx:
        await _check_begin(tx, app, transfer_id)
    return await platform.objects.begin(str(key))


async def _check_begin(
    tx: Transaction, app: App, transfer_id: str, *, touch: bool = False
) -> StoredTransfer:
    """The transfer, if it takes files; locked only to start it or to move its deadline.

    So files that begin at the same time do not wait for each other's commit. One that begins
    while its transfer settles is none: completing it is refused.
    """
    stored = await transfer_service.load_own(tx, app, transfer_id)
    touch = touch and rules.needs_touch(stored.state, tx.now)
    if touch or stored.state.status is TransferStatus.READY:
        stored = await transfer_service.lock_exporting(tx, app, transfer_id)
    rules.check_exporting(stored.state, "uploading app data")
    check_app_data(stored.access_scopes)
    if touch:
        await _touch(tx, stored)
    return stored


async def _begun(
    platform: Platform, app: App, transfer_id: str, label: str | None, resume_key: str
) -> UploadView | None:
    async with platform.database.transaction() as tx:
        stored = await transfer_service.load_own(tx, app, transfer_id)
        upload = await uploads.to_resume(tx, stored.transfer_id, resume_key)
        if upload is None:
            return None
        if upload.label != label:
            raise Conflict(
                "resume_key_taken",
                expected=f"the label that this resume key began with, {upload.label!r}",
                found=repr(label),
                fix="Give every file of a transfer a resume key of its own.",
            )
        done = await app_data.of_upload(tx, upload.upload_id)
        if done is None:
            rules.check_exporting(stored.state, "uploading app data")
    return _view(platform, upload, resumed=True, done=done)


def _view(
    platform: Platform, upload: Upload, *, resumed: bool = False, done: AppData | None = None
) -> UploadView:
    store = platform.objects
    return UploadView(
        upload_id=str(upload.upload_id),
        key=str(upload.key),
        part_size=store.part_size,
        min_part_size=store.min_part_size,
        max_part_size=store.max_part_size,
        max_parts=store.max_parts,
        checksums=list(store.checksums),
        resumed=resumed,
        receipt=None if done is None else _receipt(done),
    )


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
    _check_parts(platform, parts)
    async with platform.database.transaction() as tx:
        upload = await _own(tx, app, upload_id)
        _check_open(upload)
        stored = await transfer_service.lock_exporting(tx, app, str(upload.transfer_id))
        await _touch(tx, stored)
        now = tx.now
    reference = await platform.objects.widened(str(upload.key), upload.store_ref, parts)
    if reference != upload.store_ref:
        if not await _widen(platform, upload, reference):
            # Another call did the same, or completed or aborted it: begin anew with what is now.
            await platform.objects.abort(str(upload.key), reference)
            return await sign_parts(platform, app, upload_id, parts)
        upload = replace(upload, store_ref=reference)
    return PartUrls(parts=await _signed(platform, upload, parts, now))


async def _widen(platform: Platform, upload: Upload, reference: str) -> bool:
    async with platform.database.transaction() as tx:
        # The transfer's lock orders this against a completion under the old reference.
        await transfers.lock(tx, upload.transfer_id)
        return await uploads.set_store_ref(tx, upload, reference)


async def _touch(tx: Transaction, stored: StoredTransfer) -> None:
    touched = rules.touch_upload(stored.state, tx.now)
    await transfers.save(tx, stored.transfer_id, touched.transfer)


def _check_parts(platform: Platform, parts: list[PartRequest]) -> None:
    store = platform.objects
    for part in parts:
        check_request(
            part,
            max_part_size=store.max_part_size,
            max_parts=store.max_parts,
            checksums=store.checksums,
        )


async def _signed(
    platform: Platform, upload: Upload, parts: list[PartRequest], now: datetime
) -> list[PartUrl]:
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


async def state(platform: Platform, app: App, upload_id: str) -> UploadState:
    """What the store holds of an upload."""
    async with platform.database.transaction() as tx:
        upload = await _own(tx, app, upload_id)
    parts: list[StoredPart] = []
    if upload.state == "OPEN":
        parts = await platform.objects.list_parts(str(upload.key), upload.store_ref)
    return UploadState(
        upload_id=str(upload.upload_id),
        transfer_id=str(upload.transfer_id),
        key=str(upload.key),
        label=upload.label,
        state=upload.state,
        parts=parts,
    )


async def complete(
    platform: Platform, app: App, upload_id: str, request: CompleteRequest
) -> AppDataReceipt:
    """Make the file of its parts and owe its event; repeating it gives the same answer."""
    async with platform.database.reading() as tx:
        upload = await _own(tx, app, upload_id)
        if done := await _completed(tx, upload):
            return _receipt(done)
        _check_not_aborted(upload)
        stored = await transfer_service.load_own(tx, app, str(upload.transfer_id))
        rules.check_exporting(stored.state, "uploading app data")
    size = _check_complete(platform, request)
    parts = sorted(request.parts, key=lambda part: part.number)
    await platform.objects.complete(str(upload.key), upload.store_ref, parts)
    digest = request.sha256 or await _digest(platform, str(upload.key), parts)
    receipt = await _accept(platform, app, upload, parts, size, digest)
    return await complete(platform, app, upload_id, request) if receipt is None else receipt


async def _completed(tx: Transaction, upload: Upload) -> AppData | None:
    """The file that an upload became; its state and its file were written together."""
    if upload.state != "COMPLETED":
        return None
    return await app_data.of_upload(tx, upload.upload_id)


async def abort(platform: Platform, app: App, upload_id: str) -> None:
    """Give an upload up; harmless when it was given up already."""
    async with platform.database.transaction() as tx:
        upload = await _own(tx, app, upload_id)
        # The transfer's lock orders this against a completion of the same upload.
        stored = await transfers.lock(tx, upload.transfer_id)
        upload = await _own(tx, app, upload_id)
        if upload.state == "COMPLETED":
            raise Conflict(
                "upload_closed",
                expected="an upload that is not complete",
                found="one whose file is app data already",
                fix="App data cannot be taken back; it goes when the transfer's life ends.",
            )
        await uploads.set_state(tx, upload.upload_id, "ABORTED")
        if upload.state == "OPEN" and stored is not None and not stored.state.status.final:
            await timeline.write(tx, upload.transfer_id, "upload.aborted", key=str(upload.key))
    await platform.objects.abort(str(upload.key), upload.store_ref)


async def _accept(
    platform: Platform,
    app: App,
    upload: Upload,
    parts: list[StoredPart],
    size: int,
    digest: str,
) -> AppDataReceipt | None:
    """None when the upload got another reference in the store: what was completed is not its."""
    file = AppData(
        key=upload.key,
        transfer_id=upload.transfer_id,
        upload_id=upload.upload_id,
        message_id=message_id_of(upload.transfer_id, EventType.UPLOADED, {"key": upload.key}),
        label=upload.label,
        size=size,
        sha256=digest,
    )
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_exporting(tx, app, str(upload.transfer_id))
        found = await _own(tx, app, str(upload.upload_id))
        if done := await _completed(tx, found):
            return _receipt(done)
        _check_not_aborted(found)
        if found.store_ref != upload.store_ref:
            return None
        change = rules.record_upload(stored.state, tx.now)
        await app_data.accept(tx, file, parts)
        await timeline.write(
            tx,
            stored.transfer_id,
            "app_data.uploaded",
            key=str(file.key),
            label=file.label,
            size=size,
            sha256=digest,
        )
        fields = {"key": str(file.key)}
        if file.label is not None:
            fields["label"] = file.label
        await apply(tx, stored, change, fields=fields)
    platform.figures.count("ferryman_uploads_total")
    platform.figures.count("ferryman_uploaded_bytes_total", by=size)
    return _receipt(file)


def _check_complete(platform: Platform, request: CompleteRequest) -> int:
    size = sum(part.size for part in request.parts)
    if size > platform.settings.max_file_bytes:
        raise LimitExceeded(
            "file_too_large",
            expected=f"a file of at most {platform.settings.max_file_bytes} bytes",
            found=f"{size} bytes",
            fix="Export in several files; labels can carry their order.",
        )
    digest = request.sha256
    if digest is not None and (len(digest) != 64 or not set(digest) <= _HEX):
        raise Invalid(
            "checksum_invalid",
            expected="sha256 of the whole file as 64 lower-case hex digits, or none",
            found=repr(digest)[:80],
            fix="Leave it out: the platform then computes it.",
        )
    # Of one part the digest is proven; of more it is taken from whoever wrote the file.
    only = request.parts[0].sha256 if len(request.parts) == 1 else None
    if digest is not None and only is not None and digest != only:
        raise Invalid(
            "checksum_mismatch",
            expected=f"sha256 {only[:64]}, as the only part has it",
            found=f"sha256 {digest}",
            fix="Hash the bytes of the whole file, or leave it out.",
        )
    return size


async def _digest(platform: Platform, key: str, parts: list[StoredPart]) -> str:
    """sha256 of a whole file that nobody told us: its only part's, else by reading it once."""
    if len(parts) == 1 and parts[0].sha256:
        return parts[0].sha256
    digest = new_sha256()
    async for chunk in platform.objects.stream(key):
        digest.update(chunk)
    return digest.hexdigest()


async def _own(tx: Transaction, app: App, upload_id: str) -> Upload:
    upload = await uploads.by_id(tx, parse_id("upload", upload_id), app.app_id)
    if upload is None:
        raise not_found("upload", upload_id)
    return upload


def _check_open(upload: Upload) -> None:
    _check_not_aborted(upload)
    if upload.state != "OPEN":
        raise Conflict(
            "upload_closed",
            expected="an open upload",
            found="one that is complete",
            fix="Begin a new upload for another file.",
        )


def _check_not_aborted(upload: Upload) -> None:
    if upload.state == "ABORTED":
        raise Conflict(
            "upload_closed",
            expected="an open upload",
            found="one that was aborted",
            fix="Begin a new upload.",
        )


def _receipt(file: AppData) -> AppDataReceipt:
    return AppDataReceipt(
        key=str(file.key),
        label=file.label,
        size=file.size,
        sha256=file.sha256,
        message_id=str(file.message_id),
    )
