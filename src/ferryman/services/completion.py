"""Complete uploads, one or a batch: the store assembles each file, and it becomes app data."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from uuid import UUID

from ferryman import refusals
from ferryman.domain import export as export_rules
from ferryman.errors import PlatformError, RuleError, value_or_raise
from ferryman.in_parallel import in_parallel
from ferryman.objects.parts import check_digests, is_sha256
from ferryman.objects.port import Assembly, HoldsMoreError
from ferryman.services import transfer as transfer_service
from ferryman.services.accept_file import Accepted, AssembledFile, accept
from ferryman.services.open_upload import (
    check_count,
    check_current,
    extend_deadline,
    receipts,
    restart,
)
from ferryman.services.platform import Platform, parse_id
from ferryman.store import upload as upload_store
from ferryman.store.app import AppRow
from ferryman.store.upload import UploadRow
from ferryman.wire.upload import AppDataReceipt, CompleteFile, CompleteRequest, StoredPart

Completed = AppDataReceipt | PlatformError
"""The answer for one upload."""

_READ_AT_ONCE = 4
"""Files of a batch that are read again at the same time, for want of a digest."""


async def complete(
    platform: Platform, app: AppRow, upload_id: str, request: CompleteRequest
) -> AppDataReceipt:
    """Assemble the file from its parts and queue its event; a repeat gets the same receipt."""
    file = CompleteFile(upload_id=upload_id, parts=request.parts, sha256=request.sha256)
    return value_or_raise((await complete_batch(platform, app, [file]))[0])


async def complete_batch(
    platform: Platform, app: AppRow, files: Sequence[CompleteFile]
) -> list[Completed]:
    """Complete several uploads as :func:`complete` does, accepting those of a transfer together.

    The answers are in the order of ``files``; an upload named twice has the answer of its first
    place. An upload that is refused hinders no other. What refuses a whole transfer (it settled,
    or its claim was superseded) is raised if it hits every upload.
    """
    check_count(len(files))
    ids = [_id(file.upload_id) for file in files]
    requests: dict[UUID, CompleteFile] = {}
    for upload_id, file in zip(ids, files, strict=True):
        if upload_id is not None:
            requests.setdefault(upload_id, file)
    answers: dict[UUID, Completed] = {}
    of_transfers: list[PlatformError] = []
    for transfer_id, batch in (await _find(platform, app, requests, answers)).items():
        try:
            await _complete(platform, app, transfer_id, batch, answers)
        except PlatformError as refused:
            of_transfers.append(refused.with_traceback(None))
            answers |= {each.id: refused for each in batch if each.id not in answers}
    # Each refused transfer has an upload of its own here, so only one can have refused them all.
    if None not in ids and of_transfers and all(e is of_transfers[0] for e in answers.values()):
        answers.clear()
        raise of_transfers.pop()
    return [
        refusals.upload.NOT_FOUND(id=file.upload_id) if upload_id is None else answers[upload_id]
        for upload_id, file in zip(ids, files, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Pending:
    """An upload to complete, and how."""

    upload: UploadRow
    file: CompleteFile

    @property
    def id(self) -> UUID:
        return self.upload.upload_id


def _id(text: str) -> UUID | None:
    try:
        return parse_id(refusals.upload.NOT_FOUND, text)
    except RuleError:
        return None


async def _find(
    platform: Platform,
    app: AppRow,
    requests: Mapping[UUID, CompleteFile],
    answers: dict[UUID, Completed],
) -> dict[UUID, list[_Pending]]:
    """Return what to complete, by transfer; uploads complete or unknown go to ``answers``."""
    async with platform.database.reading() as tx:
        uploads = await upload_store.by_ids(tx, list(requests), app.app_id)
        answers |= await receipts(tx, uploads.values())
    pending: dict[UUID, list[_Pending]] = defaultdict(list)
    for upload_id, file in requests.items():
        if upload_id not in uploads:
            answers[upload_id] = refusals.upload.NOT_FOUND(id=file.upload_id)
        elif upload_id not in answers:
            upload = uploads[upload_id]
            pending[upload.transfer_id].append(_Pending(upload, file))
    return pending


async def _complete(
    platform: Platform,
    app: AppRow,
    transfer_id: UUID,
    batch: Sequence[_Pending],
    answers: dict[UUID, Completed],
) -> None:
    """Complete uploads of one transfer, and add their answers; raise what refuses them all."""
    async with platform.database.reading() as tx:
        stored = await transfer_service.load_own(tx, app, str(transfer_id))
    batch = _passing(batch, lambda pending: check_current(pending.upload, stored), answers)
    if not batch:
        return
    export_rules.check_exporting(stored.state, "uploading app data")
    batch = _passing(batch, lambda pending: check_whole(platform, pending.file), answers)
    assembled = await _assemble(platform, batch)
    proven: list[AssembledFile] = []
    unread: list[AssembledFile] = []
    for pending, parts in zip(batch, assembled, strict=True):
        if isinstance(parts, PlatformError):
            answers[pending.id] = parts
        elif parts is not None:
            whole = AssembledFile(pending.upload, parts, _digest(pending.file, parts))
            if whole.sha256 or whole.parts_sha256:
                proven.append(whole)
            else:
                unread.append(whole)
    accepted = await accept(platform, app, transfer_id, proven)
    accepted += await in_parallel(partial(_read, platform, app), unread, most=_READ_AT_ONCE)
    done = [whole.upload.upload_id for whole in proven + unread]
    answers |= {id_: answer for id_, answer in zip(done, accepted, strict=True) if answer}
    # Another call re-opened these in the store meanwhile: complete them as they are now.
    for pending in batch:
        if pending.id not in answers:
            [answers[pending.id]] = await complete_batch(platform, app, [pending.file])


def _passing(
    batch: Sequence[_Pending],
    check: Callable[[_Pending], object],
    answers: dict[UUID, Completed],
) -> list[_Pending]:
    """Return what passes ``check``; refusals go to ``answers``."""
    passing = []
    for pending in batch:
        try:
            check(pending)
        except RuleError as refused:
            answers[pending.id] = refused.with_traceback(None)
        else:
            passing.append(pending)
    return passing


async def _assemble(
    platform: Platform, batch: Sequence[_Pending]
) -> list[list[StoredPart] | PlatformError | None]:
    """Return the parts of each file, or what refuses it; None if the upload was re-opened."""
    files = [Assembly(str(e.upload.key), e.upload.store_ref, e.file.parts) for e in batch]
    assembled: list[list[StoredPart] | PlatformError | None] = []
    for pending, parts in zip(batch, await platform.objects.complete_all(files), strict=True):
        if isinstance(parts, HoldsMoreError):
            reopened = await restart(platform, pending.upload)
            assembled.append(refusals.upload.RESTARTED() if reopened else None)
        else:
            assembled.append(parts)
    return assembled


def _digest(file: CompleteFile, parts: Sequence[StoredPart]) -> str | None:
    return file.sha256 or (parts[0].sha256 if len(parts) == 1 else None)


async def _read(platform: Platform, app: AppRow, unread: AssembledFile) -> Accepted:
    """Accept a file after reading it, as neither its sender nor the store named what proves it."""
    upload = unread.upload

    async def read() -> Accepted:
        # Another call may have read and accepted it since this one found it pending.
        async with platform.database.reading() as tx:
            uploads = await upload_store.by_ids(tx, [upload.upload_id], app.app_id)
            done = await receipts(tx, uploads.values())
        if done:
            return done[upload.upload_id]
        whole = replace(unread, sha256=await digest_of(platform, app, upload))
        [answer] = await accept(platform, app, upload.transfer_id, [whole])
        return answer

    try:
        # The caller may time out meanwhile; the receipt is ready when it calls again.
        return await platform.single_flight.do(upload.upload_id, read)
    except PlatformError as refused:
        return refused


def check_whole(platform: Platform, request: CompleteRequest) -> None:
    """Refuse a file that is too large, or a digest that is invalid."""
    size = sum(part.size for part in request.parts)
    if size > platform.settings.max_file_bytes:
        raise refusals.upload.FILE_TOO_LARGE(limit=platform.settings.max_file_bytes, size=size)
    check_digests(request.parts)
    digest = request.sha256
    if digest is not None and not is_sha256(digest):
        raise refusals.upload.CHECKSUM_INVALID(digest=digest)
    # The store proves the digest of a single part; with several parts we trust the writer's.
    only = request.parts[0].sha256 if len(request.parts) == 1 else None
    if digest is not None and only is not None and digest != only:
        raise refusals.upload.CHECKSUM_MISMATCH(part=only, digest=digest)


TOUCH_BYTES = 256 << 20
"""Bytes read between two moves of the transfer's deadline: reading counts as uploading."""


async def digest_of(platform: Platform, app: AppRow, upload: UploadRow) -> str:
    """Return the sha256 of a completed file; raise if its transfer settles meanwhile."""
    digest, unheard = sha256(), TOUCH_BYTES
    async for chunk in platform.objects.stream(str(upload.key)):
        if unheard >= TOUCH_BYTES:
            unheard = 0
            async with platform.database.transaction() as tx:
                stored = await transfer_service.lock_exporting(tx, app, str(upload.transfer_id))
                await extend_deadline(tx, stored)
        unheard += len(chunk)
        await asyncio.to_thread(digest.update, chunk)
    return digest.hexdigest()
