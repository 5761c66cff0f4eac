"""Uploading app data: begin, complete, give up.

The object store and the database cannot commit together. So the store completes first, under a
key that was fixed when the upload began, and completing is repeatable on both sides: killed in
between, the same call made again finds the file and writes the row.
"""

from uuid import UUID

import msgspec

from ferryman.domain import transfer as rules
from ferryman.domain.limits import LABEL_CHARACTERS
from ferryman.domain.scope import check_app_data
from ferryman.errors import Conflict
from ferryman.ids import new_id
from ferryman.objects.port import HoldsMoreError
from ferryman.services import transfer as transfer_service
from ferryman.services.acceptance import Whole, accept, check_whole
from ferryman.services.claim import check_claim
from ferryman.services.decision import apply, count_unfinished
from ferryman.services.digest import digest_of
from ferryman.services.own_upload import check_current, completed, own, receipt_of
from ferryman.services.part import check_parts, restart, signed, touch
from ferryman.services.platform import Platform, check_text
from ferryman.store import app_data, timeline
from ferryman.store import upload as uploads
from ferryman.store.app import App
from ferryman.store.app_data import AppData
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.store.upload import Upload
from ferryman.vocab import GivenUp, TransferStatus
from ferryman.wire.upload import (
    AppDataReceipt,
    CompleteRequest,
    PartRequest,
    StoredPart,
    UploadState,
    UploadView,
)


async def begin(
    platform: Platform,
    app: App,
    transfer_id: str,
    label: str | None,
    resume_key: str | None = None,
    part: PartRequest | None = None,
    *,
    key: UUID | None = None,
    look_first: bool | None = None,
) -> UploadView:
    """Open an upload, or find the one that was opened under the same resume key.

    A new one that is begun with its only ``part`` tells where that goes, which moves the deadline.
    ``key`` is given where a transfer is replayed. ``look_first`` for an upload of the resume key:
    by default where there is no ``part``, since such small files are hardly ever begun twice.

    Nothing is announced before it is complete. One that is complete is found also after its
    transfer has ended, so that whoever was killed before it read the receipt gets it.
    """
    if label is not None:
        check_text("label", label, longest=LABEL_CHARACTERS)
    if resume_key is not None:
        check_text("resumeKey", resume_key, longest=LABEL_CHARACTERS)
        look_first = part is None if look_first is None else look_first
        if look_first and (found := await _begun(platform, app, transfer_id, label, resume_key)):
            return found
    key = key or new_id()
    if part is not None:
        check_parts(platform, [part])
    # Nothing is opened on behalf of a transfer that takes no files.
    stored = await _admit(platform, app, transfer_id, touches=part is not None)
    reference = None if part is None else await platform.objects.begin_single(part)
    upload = Upload(
        upload_id=new_id(),
        transfer_id=stored.transfer_id,
        key=key,
        store_ref=reference or await platform.objects.begin(str(key)),
        label=label,
        resume_key=resume_key,
        state="OPEN",
    )
    async with platform.database.statement() as tx:
        kept = await uploads.insert(tx, upload, app.claim or None)
        now = tx.now
    if not kept:
        # Another process began under the same key meanwhile, and its upload is found; or the
        # transfer was settled or claimed again, which refuses the next try.
        await platform.objects.abort(str(key), upload.store_ref)
        return await begin(platform, app, transfer_id, label, resume_key, part, look_first=True)
    view = _view(platform, upload)
    if part is None:
        return view
    [url] = await signed(platform, upload, [part], now)
    return msgspec.structs.replace(view, part=url)


async def _admit(
    platform: Platform, app: App, transfer_id: str, *, touches: bool
) -> StoredTransfer:
    """The transfer, if it takes files; locked only to start it or to move its deadline.

    So files that begin at the same time do not wait for each other's commit. One that begins
    while its transfer settles is none: completing it is refused.
    """
    async with platform.database.reading() as tx:
        stored = await transfer_service.load_own(tx, app, transfer_id)
        touches = touches and rules.needs_touch(stored.state, tx.now)
    if not touches and stored.state.status is not TransferStatus.READY:
        _check_takes(stored)
        return stored
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_exporting(tx, app, transfer_id)
        _check_takes(stored)
        if touches:
            await touch(tx, stored)
    return stored


def _check_takes(stored: StoredTransfer) -> None:
    rules.check_exporting(stored.state, "uploading app data")
    check_app_data(stored.access_scopes)


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
            await uploads.adopt(tx, upload.upload_id)
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
        max_file_size=platform.settings.max_file_bytes,
        checksums=list(store.checksums),
        compare_etags=store.compare_etags,
        resumed=resumed,
        receipt=None if done is None else receipt_of(done),
    )


async def state(platform: Platform, app: App, upload_id: str) -> UploadState:
    """What the store holds of an upload."""
    async with platform.database.transaction() as tx:
        upload = await own(tx, app, upload_id)
        stored = await transfer_service.load_own(tx, app, str(upload.transfer_id))
        if upload.state == "OPEN":
            check_claim(upload.claim, stored)
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
        upload = await own(tx, app, upload_id)
        if done := await completed(tx, upload):
            return receipt_of(done)
        stored = await transfer_service.load_own(tx, app, str(upload.transfer_id))
        check_current(upload, stored)
        rules.check_exporting(stored.state, "uploading app data")
    size = check_whole(platform, request)
    try:
        parts = await platform.objects.complete(str(upload.key), upload.store_ref, request.parts)
    except HoldsMoreError:
        if not await restart(platform, upload):
            return await complete(platform, app, upload_id, request)
        raise Conflict(
            "upload_restarted",
            expected="an upload that holds no parts beyond those named",
            found="one that holds more, from an earlier try, which the object store refuses",
            fix="The upload is empty now: send the whole file again, then complete it.",
        ) from None
    digest = request.sha256 or (parts[0].sha256 if len(parts) == 1 else None)
    if digest is not None:
        receipt = await accept(platform, app, Whole(upload, parts, size, digest))
    else:

        async def read() -> AppDataReceipt | None:
            whole = Whole(upload, parts, size, await digest_of(platform, app, upload))
            return await accept(platform, app, whole)

        # Its caller may lose patience meanwhile: the file is there when it calls again.
        receipt = await platform.once.do(upload.upload_id, read)
    return await complete(platform, app, upload_id, request) if receipt is None else receipt


async def give_up(
    platform: Platform,
    app: App,
    upload_id: str,
    reason: GivenUp = GivenUp.DELIBERATE,
    detail: str | None = None,
) -> None:
    """Give an upload up; harmless when it was given up already.

    ``detail`` says what the writer failed with: class and place of an exception. A failed file
    may be done without later, deliberately; otherwise the first reason stays.
    """
    check_text("detail", detail or "", longest=LABEL_CHARACTERS)
    async with platform.database.transaction() as tx:
        upload = await own(tx, app, upload_id)
        # The transfer's lock orders this against a completion of the same upload.
        stored = await transfer_service.lock_own(tx, app, str(upload.transfer_id))
        upload = await own(tx, app, upload_id)
        if upload.state == "COMPLETED":
            raise Conflict(
                "upload_closed",
                expected="an upload that is not complete",
                found="one whose file is app data already",
                fix="App data cannot be taken back; it goes when the transfer's life ends.",
            )
        if await uploads.give_up(tx, upload.upload_id, reason, detail):
            await _note_given_up(tx, stored, upload, reason, detail)
    await platform.objects.abort(str(upload.key), upload.store_ref)


async def _note_given_up(
    tx: Transaction, stored: StoredTransfer, upload: Upload, reason: GivenUp, detail: str | None
) -> None:
    if stored.state.status.final:
        return
    why = {} if detail is None else {"detail": detail}
    facts = {"key": str(upload.key), "label": upload.label, "reason": reason, **why}
    await timeline.write(tx, upload.transfer_id, "upload.aborted", **facts)
    if stored.state.export_completed_at is not None:
        # It may be all that the transfer waited for.
        stored = await count_unfinished(tx, stored)
        await apply(tx, stored, rules.give_up_file(stored.state, tx.now))
