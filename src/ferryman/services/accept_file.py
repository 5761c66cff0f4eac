"""Accept assembled files as app data; those of one transfer share a transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from ferryman.digests import parts_digest
from ferryman.domain import export as export_rules
from ferryman.errors import PlatformError, RuleError
from ferryman.services import transfer as transfer_service
from ferryman.services.changes import apply, message_id_of
from ferryman.services.open_upload import check_current, receipt_of, receipts
from ferryman.services.platform import Platform
from ferryman.store import app_data as app_data_store
from ferryman.store import upload as upload_store
from ferryman.store.app import AppRow
from ferryman.store.app_data import AppDataRow
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.store.upload import UploadRow
from ferryman.vocab import EventType
from ferryman.wire.upload import AppDataReceipt, StoredPart


@dataclass(frozen=True, slots=True)
class AssembledFile:
    """A file that the store assembled from the parts of an upload."""

    upload: UploadRow
    parts: list[StoredPart]
    sha256: str | None

    @property
    def size(self) -> int:
        """Return the size of the file in bytes."""
        return sum(part.size for part in self.parts)

    @property
    def parts_sha256(self) -> str | None:
        """Return the digest over the digests of the parts; None if one of them is unknown."""
        return parts_digest(part.sha256 for part in self.parts)


Accepted = AppDataReceipt | PlatformError | None
"""A receipt or a refusal; None if the upload was re-opened under a new store reference."""


async def accept(
    platform: Platform, app: AppRow, transfer_id: UUID, wholes: Sequence[AssembledFile]
) -> list[Accepted]:
    """Record files of a transfer as app data; return an answer for each, in order.

    Raises what refuses the transfer as a whole.
    """

    if not wholes:
        return []

    async def together(files: list[AssembledFile]) -> list[Accepted]:
        return await _accept(platform, app, transfer_id, files)

    # A refusal hits all that are accepted together, so calls of another claim wait apart.
    return await platform.group_commit.do_all((transfer_id, app.claim), wholes, together)


async def _accept(
    platform: Platform, app: AppRow, transfer_id: UUID, wholes: Sequence[AssembledFile]
) -> list[Accepted]:
    # Two calls may complete the same upload: the first is recorded, the second gets the same
    # answer.
    first: dict[UUID, AssembledFile] = {}
    for whole in wholes:
        first.setdefault(whole.upload.upload_id, whole)
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_exporting(tx, app, str(transfer_id))
        uploads = await upload_store.by_ids(tx, list(first), app.app_id)
        done = await receipts(tx, uploads.values())
        answers = {
            id_: done.get(id_) or _refusal(upload, stored) for id_, upload in uploads.items()
        }
        new = [whole for whole in first.values() if _is_new(uploads, answers, whole)]
        try:
            answers |= await _record(tx, stored, new)
        except RuleError as refused:
            answers |= {whole.upload.upload_id: refused.with_traceback(None) for whole in new}
            new = []
    platform.metrics.count("ferryman_uploads_total", by=len(new))
    platform.metrics.count("ferryman_uploaded_bytes_total", by=sum(file.size for file in new))
    return [answers[whole.upload.upload_id] for whole in wholes]


def _is_new(
    uploads: Mapping[UUID, UploadRow], answers: Mapping[UUID, Accepted], whole: AssembledFile
) -> bool:
    upload_id = whole.upload.upload_id
    same = uploads[upload_id].store_ref == whole.upload.store_ref
    return answers[upload_id] is None and same


async def _record(
    tx: Transaction, stored: StoredTransfer, new: Sequence[AssembledFile]
) -> dict[UUID, Accepted]:
    """Write new files; none if the transfer no longer takes any."""
    if not new:
        return {}
    change = export_rules.record_upload(stored.state, tx.now, len(new))
    files = [_file(whole) for whole in new]
    proven = [(file, whole.parts) for file, whole in zip(files, new, strict=True)]
    await app_data_store.accept(tx, stored.transfer_id, proven, [_facts(file) for file in files])
    await apply(tx, stored, change, fields=[_fields(file) for file in files])
    return {file.upload_id: receipt_of(file) for file in files}


def _refusal(upload: UploadRow, stored: StoredTransfer) -> Accepted:
    """Return the refusal of an upload that cannot become a file any more; None if it can."""
    try:
        check_current(upload, stored)
    except RuleError as refused:
        return refused
    return None


def _file(whole: AssembledFile) -> AppDataRow:
    upload = whole.upload
    return AppDataRow(
        key=upload.key,
        transfer_id=upload.transfer_id,
        upload_id=upload.upload_id,
        message_id=message_id_of(upload.transfer_id, EventType.UPLOADED, {"key": str(upload.key)}),
        label=upload.label,
        size=whole.size,
        sha256=whole.sha256,
        parts_sha256=whole.parts_sha256,
    )


def _facts(file: AppDataRow) -> Mapping[str, object]:
    digests = {"sha256": file.sha256, "partsSha256": file.parts_sha256}
    return {"key": str(file.key), "label": file.label, "size": file.size, **digests}


def _fields(file: AppDataRow) -> Mapping[str, str]:
    fields = {"key": str(file.key)}
    return fields if file.label is None else fields | {"label": file.label}
