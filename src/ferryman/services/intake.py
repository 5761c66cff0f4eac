"""Begin uploads of app data, one or a batch: one statement inserts them all.

The object store and the database cannot commit together. So the store completes first, under a key
fixed when the upload began, and completing is idempotent on both sides: after a crash in between,
repeating the call finds the file and writes the row. The id of the upload is its idempotency key.
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from uuid import UUID

import msgspec

from ferryman import refusals
from ferryman.domain import export as export_rules
from ferryman.domain.scope import check_app_data
from ferryman.errors import PlatformError, RuleError, value_or_raise
from ferryman.ids import new_id, new_ids
from ferryman.in_parallel import in_parallel
from ferryman.services import transfer as transfer_service
from ferryman.services.open_upload import (
    check_count,
    check_parts,
    extend_deadline,
    signed,
)
from ferryman.services.platform import Platform
from ferryman.services.quota import with_parts
from ferryman.services.resumed_upload import begun_before
from ferryman.services.reuse import WantedPart, copy_held
from ferryman.services.upload_view import upload_view
from ferryman.store import upload as upload_store
from ferryman.store.app import AppRow
from ferryman.store.transfer import StoredTransfer
from ferryman.store.upload import UploadRow
from ferryman.stored_text import check_file_texts
from ferryman.vocab import TransferStatus
from ferryman.wire.upload import PartRequest, UploadRequest, UploadView

Begun = UploadView | PlatformError
"""The answer for one file."""

Files = Mapping[UUID, UploadRequest]
"""Files to begin, by the key that each gets."""


async def begin(
    platform: Platform,
    app: AppRow,
    transfer_id: str,
    label: str | None,
    resume_key: str | None = None,
    part: PartRequest | None = None,
    *,
    reuse: bool = False,
    key: UUID | None = None,
) -> UploadView:
    """Open an upload, or return the one that was opened under the same resume key.

    A new upload that is begun with its only ``part`` gets its URL at once, which moves the
    deadline, or with ``reuse`` a copy of what an earlier transfer sent. A replay gives ``key``.

    No event is sent before the upload is complete. A completed upload is returned even after its
    transfer settled, so that a client killed before reading the receipt can still get it.
    """
    file = UploadRequest(label=label, resume_key=resume_key, part=part, reuse=reuse)
    key = key or new_id()
    # Such small files are rarely begun twice, so look for the resume key only after a conflict.
    answers = await _begin(platform, app, transfer_id, {key: file}, look_first=part is None)
    return value_or_raise(answers.pop(key))


async def begin_batch(
    platform: Platform, app: AppRow, transfer_id: str, files: Sequence[UploadRequest]
) -> list[Begun]:
    """Open several uploads as :func:`begin` does; the answers are in the order of ``files``.

    A file that is refused hinders no other. The call is refused, and opens nothing, if the transfer
    takes no files, or with ``batch_size_invalid``.
    """
    check_count(len(files))
    keys: list[UUID] = []
    of_resume_key: dict[str, UUID] = {}
    distinct: dict[UUID, UploadRequest] = {}
    for key, file in zip(new_ids(len(files)), files, strict=True):
        if file.resume_key is not None:
            keys.append(of_resume_key.setdefault(file.resume_key, key))
        else:
            keys.append(key)
        distinct.setdefault(keys[-1], file)
    look_first = not all(_is_fresh(file) for file in files)
    answers = await _begin(platform, app, transfer_id, distinct, look_first=look_first)
    return [_repeated(distinct[k], file, answers[k]) for k, file in zip(keys, files, strict=True)]


def _is_fresh(file: UploadRequest) -> bool:
    """Return whether a file can have been begun before only by a call whose answer was lost."""
    once = file.resume_key is None or file.resume_key.startswith(upload_store.REPEATABLE)
    return once and file.part is not None


def _repeated(first: UploadRequest, file: UploadRequest, answer: Begun) -> Begun:
    """Return the answer for a file with the resume key of ``first``, which may be itself."""
    if file == first or isinstance(answer, PlatformError):
        return answer
    if file.label != first.label:
        return refusals.upload.RESUME_KEY_TAKEN(label=first.label, found=file.label)
    return msgspec.structs.replace(answer, resumed=True, part=None, held=None)


async def _begin(
    platform: Platform, app: AppRow, transfer_id: str, files: Files, *, look_first: bool
) -> dict[UUID, Begun]:
    answers: dict[UUID, Begun] = {}
    for key, file in files.items():
        try:
            _check(platform, file)
        except RuleError as refused:
            answers[key] = refused.with_traceback(None)
    if look_first:
        answers |= await begun_before(platform, app, transfer_id, _without(files, answers))
    new = _without(files, answers)
    if not new:
        return answers
    async with AsyncExitStack() as until_committed:
        # Open nothing for a transfer that takes no files.
        stored = await _admit(platform, app, transfer_id, new, until_committed)
        opened, in_store = await _open(platform, stored, new, answers)
        async with platform.database.statement() as tx:
            kept = await upload_store.insert(tx, stored.transfer_id, opened, app.claim or None)
            now = tx.now
    begun = [upload for upload in opened if upload.upload_id in kept]
    answers |= await _placed(platform, stored, {upload: new[upload.key] for upload in begun}, now)
    if lost := [upload for upload in opened if upload.upload_id not in kept]:
        # Another process began under the same keys meanwhile, and the retry finds its uploads; or
        # the transfer was settled or claimed again, and the retry is refused.
        for upload in filter(lambda upload: upload.key in in_store, lost):
            await platform.objects.abort(str(upload.key), upload.store_ref)
        again = {upload.key: new[upload.key] for upload in lost}
        answers |= await _begin(platform, app, transfer_id, again, look_first=True)
    return answers


async def _placed(
    platform: Platform,
    stored: StoredTransfer,
    begun: Mapping[UploadRow, UploadRequest],
    now: datetime,
) -> dict[UUID, Begun]:
    """Return the answers for uploads that were begun: the parts held, or where to send them."""
    wanted = [
        WantedPart(upload, file.part, file.part.sha256)
        for upload, file in begun.items()
        if file.part is not None and file.reuse
    ]
    held = await copy_held(platform, stored, wanted)
    answers: dict[UUID, Begun] = {}
    for upload, file in begun.items():
        view = upload_view(platform, upload)
        if copied := held.get((upload.upload_id, 1)):
            view = msgspec.structs.replace(view, held=copied)
        elif file.part is not None:
            [url] = await signed(platform, upload, [file.part], now)
            view = msgspec.structs.replace(view, part=url)
        answers[upload.key] = view
    return answers


def _without(files: Files, answers: Mapping[UUID, Begun]) -> dict[UUID, UploadRequest]:
    return {key: file for key, file in files.items() if key not in answers}


def _check(platform: Platform, file: UploadRequest) -> None:
    check_file_texts(file.label, file.resume_key)
    if file.part is not None:
        check_parts(platform, [file.part])


async def _open(
    platform: Platform, stored: StoredTransfer, files: Files, answers: dict[UUID, Begun]
) -> tuple[list[UploadRow], set[UUID]]:
    """Open new uploads in the store; return them and their keys. Refusals go to ``answers``."""
    in_store = set[UUID]()

    async def one(key: UUID) -> UploadRow | None:
        file, reference = files[key], None
        try:
            if file.part is not None:
                reference = await platform.objects.begin_single(file.part)
            if reference is None:
                reference = await platform.objects.begin(str(key))
                in_store.add(key)
        except PlatformError as refused:
            answers[key] = refused.with_traceback(None)
            return None
        upload = UploadRow(
            upload_id=new_id(),
            transfer_id=stored.transfer_id,
            key=key,
            store_ref=reference,
            label=file.label,
            resume_key=file.resume_key,
            state="OPEN",
        )
        return upload if file.part is None else with_parts(upload, [file.part])

    opened = [upload for upload in await in_parallel(one, files) if upload is not None]
    return opened, in_store


async def _admit(
    platform: Platform,
    app: AppRow,
    transfer_id: str,
    files: Files,
    until_committed: AsyncExitStack,
) -> StoredTransfer:
    """Return the transfer if it takes files; lock it only to start it or move its deadline.

    So files that begin at the same time do not wait for each other's commit. A file that begins
    while its transfer settles is refused when it is completed.
    """
    async with platform.database.reading() as tx:
        stored = await transfer_service.load_own(tx, app, transfer_id)
        await platform.open_uploads.admit(tx, app, platform.settings, len(files))
        asked = sum(file.part.number * file.part.size for file in files.values() if file.part)
        admitted = platform.held_bytes.admit(tx, app.app_id, asked)
        await until_committed.enter_async_context(admitted)
        touches = any(file.part is not None for file in files.values())
        touches = touches and export_rules.needs_touch(stored.state, tx.now)
    if not touches and stored.state.status is not TransferStatus.READY:
        _check_takes(stored)
        return stored
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_exporting(tx, app, transfer_id)
        _check_takes(stored)
        if touches:
            await extend_deadline(tx, stored)
    return stored


def _check_takes(stored: StoredTransfer) -> None:
    export_rules.check_exporting(stored.state, "uploading app data")
    check_app_data(stored.access_scopes)
