"""Uploading app data: begin, sign parts, complete, abort.

The object store and the database cannot commit together. So the store completes first, under a
key that was fixed when the upload began, and completing is repeatable on both sides: killed in
between, the same call made again finds the file and writes the row.
"""

from hashlib import sha256 as new_sha256

from ferryman.clock import epoch_ms
from ferryman.domain import transfer as rules
from ferryman.domain.limits import LABEL_CHARACTERS, SIGNED_URL_LIFE
from ferryman.domain.scope import check_app_data
from ferryman.errors import Conflict, Invalid, LimitExceeded, not_found
from ferryman.ids import new_id
from ferryman.objects.parts import check_request
from ferryman.services import transfer as transfer_service
from ferryman.services.decision import apply
from ferryman.services.platform import Platform, check_text, parse_id
from ferryman.store import app_data, timeline
from ferryman.store import transfer as transfers
from ferryman.store import upload as uploads
from ferryman.store.app import App
from ferryman.store.app_data import AppData
from ferryman.store.database import Transaction
from ferryman.store.upload import Upload
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
) -> UploadView:
    """Open an upload, or find the one that was opened under the same resume key.

    Nothing is announced before it is complete. One that is complete is found also after its
    transfer has ended, so that whoever was killed before it read the receipt gets it.
    """
    if label is not None:
        check_text("label", label, longest=LABEL_CHARACTERS)
    if resume_key is not None:
        check_text("resumeKey", resume_key, longest=LABEL_CHARACTERS)
        if found := await _begun(platform, app, transfer_id, label, resume_key):
            return found
    key = new_id()
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_exporting(tx, app, transfer_id)
        rules.check_exporting(stored.state, "uploading app data")
        check_app_data(stored.access_scopes)
    reference = await platform.objects.begin(str(key))
    upload = Upload(
        upload_id=new_id(),
        transfer_id=stored.transfer_id,
        key=key,
        store_ref=reference,
        label=label,
        resume_key=resume_key,
        state="OPEN",
    )
    async with platform.database.transaction() as tx:
        await uploads.insert(tx, upload)
        kept = await uploads.by_id(tx, upload.upload_id, app.app_id)
        if kept is not None:
            await timeline.write(tx, stored.transfer_id, "upload.begun", key=str(key), label=label)
    if kept is None:
        # Another process began under the same key in the meantime: its upload is the one.
        await platform.objects.abort(str(key), reference)
        return await begin(platform, app, transfer_id, label, resume_key)
    return _view(platform, upload)


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
    store = platform.objects
    for part in parts:
        check_request(
            part,
            max_part_size=store.max_part_size,
            max_parts=store.max_parts,
            checksums=store.checksums,
        )
    async with platform.database.transaction() as tx:
        upload = await _own(tx, app, upload_id)
        _check_open(upload)
        stored = await transfer_service.lock_exporting(tx, app, str(upload.transfer_id))
        touched = rules.touch_upload(stored.state, tx.now)
        await transfers.save(tx, stored.transfer_id, touched.transfer)
        now = tx.now
    expires_at = now + SIGNED_URL_LIFE
    signed = [
        await store.part_url(
            str(upload.key), upload.store_ref, part, expires_at=expires_at, now=now
        )
        for part in parts
    ]
    return PartUrls(
        parts=[
            PartUrl(
                number=part.number,
                method=part.method,
                url=part.url,
                headers=part.headers,
                expires_at=epoch_ms(part.expires_at),
            )
            for part in signed
        ]
    )


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
    async with platform.database.transaction() as tx:
        upload = await _own(tx, app, upload_id)
        if done := await app_data.of_upload(tx, upload.upload_id):
            return _receipt(done)
        _check_not_aborted(upload)
        stored = await transfer_service.load_own(tx, app, str(upload.transfer_id))
        rules.check_exporting(stored.state, "uploading app data")
    size = _check_complete(platform, request)
    parts = sorted(request.parts, key=lambda part: part.number)
    await platform.objects.complete(str(upload.key), upload.store_ref, parts)
    digest = request.sha256 or await _digest(platform, str(upload.key), parts)
    return await _accept(platform, app, upload, parts, size, digest)


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
) -> AppDataReceipt:
    file = AppData(
        key=upload.key,
        transfer_id=upload.transfer_id,
        upload_id=upload.upload_id,
        message_id=new_id(),
        label=upload.label,
        size=size,
        sha256=digest,
    )
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_exporting(tx, app, str(upload.transfer_id))
        if done := await app_data.of_upload(tx, upload.upload_id):
            return _receipt(done)
        _check_not_aborted(await _own(tx, app, str(upload.upload_id)))
        change = rules.record_upload(stored.state, tx.now)
        await app_data.insert(tx, file, parts)
        await uploads.set_state(tx, upload.upload_id, "COMPLETED")
        await transfers.add_bytes(tx, stored.transfer_id, size)
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
        await apply(tx, stored, change, message_id=file.message_id, fields=fields)
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
