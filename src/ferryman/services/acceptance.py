"""Accepting files whose bytes are in the store: each becomes app data and owes its event.

Files of one transfer that are complete at the same time are accepted in one transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from ferryman.domain import transfer as rules
from ferryman.errors import Invalid, LimitExceeded, RuleError
from ferryman.objects.parts import check_digests, is_sha256
from ferryman.services import transfer as transfer_service
from ferryman.services.decision import apply, message_id_of
from ferryman.services.own_upload import check_current, completed, receipt_of
from ferryman.services.platform import Platform
from ferryman.store import app_data, timeline
from ferryman.store import upload as uploads
from ferryman.store.app import App
from ferryman.store.app_data import AppData
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.store.upload import Upload
from ferryman.vocab import EventType
from ferryman.wire.upload import AppDataReceipt, CompleteRequest, StoredPart


@dataclass(frozen=True, slots=True)
class Whole:
    """A file that the store has made of an upload's parts."""

    upload: Upload
    parts: list[StoredPart]
    size: int
    sha256: str


async def accept(platform: Platform, app: App, whole: Whole) -> AppDataReceipt | None:
    """None when the upload got another reference in the store: what was completed is not its."""
    transfer_id = whole.upload.transfer_id

    async def together(files: list[Whole]) -> list[_Answer]:
        return await _accept(platform, app, transfer_id, files)

    # Calls of another claim are refused together, so they do not share a transaction with ours.
    return await platform.gathering.do((transfer_id, app.claim), whole, together)


_Answer = AppDataReceipt | Exception | None


async def _accept(
    platform: Platform, app: App, transfer_id: UUID, wholes: Sequence[Whole]
) -> list[_Answer]:
    # Two calls may complete the same upload: the first is told of, the second gets its answer.
    first: dict[UUID, Whole] = {}
    for whole in wholes:
        first.setdefault(whole.upload.upload_id, whole)
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_exporting(tx, app, str(transfer_id))
        found = await uploads.by_ids(tx, list(first), app.app_id)
        answers = {id_: await _known(tx, upload, stored) for id_, upload in found.items()}
        new = [whole for whole in first.values() if _is_new(found, answers, whole)]
        try:
            answers |= await _record(tx, stored, new)
        except RuleError as refused:
            answers |= {whole.upload.upload_id: refused for whole in new}
            new = []
    platform.figures.count("ferryman_uploads_total", by=len(new))
    platform.figures.count("ferryman_uploaded_bytes_total", by=sum(each.size for each in new))
    return [answers[whole.upload.upload_id] for whole in wholes]


def _is_new(found: Mapping[UUID, Upload], answers: Mapping[UUID, _Answer], whole: Whole) -> bool:
    upload_id = whole.upload.upload_id
    same = found[upload_id].store_ref == whole.upload.store_ref
    return answers[upload_id] is None and same


async def _record(
    tx: Transaction, stored: StoredTransfer, new: Sequence[Whole]
) -> dict[UUID, _Answer]:
    """Write down files that are new; nothing when the transfer takes none any more."""
    if not new:
        return {}
    change = rules.record_upload(stored.state, tx.now, len(new))
    files = [_file(whole) for whole in new]
    proven = [(file, whole.parts) for file, whole in zip(files, new, strict=True)]
    await app_data.accept(tx, stored.transfer_id, proven)
    told = [("app_data.uploaded", _told(file)) for file in files]
    await timeline.write_many(tx, stored.transfer_id, told)
    await apply(tx, stored, change, fields=[_fields(file) for file in files])
    return {file.upload_id: receipt_of(file) for file in files}


async def _known(tx: Transaction, upload: Upload, stored: StoredTransfer) -> _Answer:
    """What there is to say of an upload that is not open any more."""
    if done := await completed(tx, upload):
        return receipt_of(done)
    try:
        check_current(upload, stored)
    except RuleError as refused:
        return refused
    return None


def _file(whole: Whole) -> AppData:
    upload = whole.upload
    return AppData(
        key=upload.key,
        transfer_id=upload.transfer_id,
        upload_id=upload.upload_id,
        message_id=message_id_of(upload.transfer_id, EventType.UPLOADED, {"key": str(upload.key)}),
        label=upload.label,
        size=whole.size,
        sha256=whole.sha256,
    )


def _told(file: AppData) -> Mapping[str, object]:
    return {"key": str(file.key), "label": file.label, "size": file.size, "sha256": file.sha256}


def _fields(file: AppData) -> Mapping[str, str]:
    fields = {"key": str(file.key)}
    return fields if file.label is None else fields | {"label": file.label}


def check_whole(platform: Platform, request: CompleteRequest) -> int:
    """The size of the file that is to be made of these parts."""
    size = sum(part.size for part in request.parts)
    if size > platform.settings.max_file_bytes:
        raise LimitExceeded(
            "file_too_large",
            expected=f"a file of at most {platform.settings.max_file_bytes} bytes",
            found=f"{size} bytes",
            fix="Export in several files; labels can carry their order.",
        )
    check_digests(request.parts)
    digest = request.sha256
    if digest is not None and not is_sha256(digest):
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
