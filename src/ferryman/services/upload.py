"""Read the state of uploads of app data, and give them up."""

from ferryman import refusals
from ferryman.domain import export as export_rules
from ferryman.domain.limits import LABEL_CHARACTERS
from ferryman.services import transfer as transfer_service
from ferryman.services.changes import apply, count_unfinished
from ferryman.services.claim import check_claim
from ferryman.services.open_upload import own
from ferryman.services.platform import Platform, check_text
from ferryman.store import app_data as app_data_store
from ferryman.store import timeline as timeline_store
from ferryman.store import upload as upload_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.store.upload import UploadRow
from ferryman.vocab import GivenUp
from ferryman.wire.upload import StoredPart, UploadState


async def state(platform: Platform, app: AppRow, upload_id: str) -> UploadState:
    """Return the parts of an upload that the store holds, or of the file that it became."""
    async with platform.database.transaction() as tx:
        upload = await own(tx, app, upload_id)
        stored = await transfer_service.load_own(tx, app, str(upload.transfer_id))
        if upload.state == "OPEN":
            check_claim(upload.claim, stored)
        # Of a file, what its receipt may leave out: the digests of its parts.
        parts: list[StoredPart] = []
        if upload.state == "COMPLETED":
            parts = await app_data_store.parts_of(tx, upload.key)
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


async def give_up(
    platform: Platform,
    app: AppRow,
    upload_id: str,
    reason: GivenUp = GivenUp.DELIBERATE,
    detail: str | None = None,
) -> None:
    """Give up an upload; harmless if it was already given up.

    ``detail`` is the class and place of the exception that the writer failed with. A failed file
    can later be given up deliberately; otherwise the first reason stays.
    """
    check_text("detail", detail or "", longest=LABEL_CHARACTERS)
    async with platform.database.transaction() as tx:
        upload = await own(tx, app, upload_id)
        # The transfer's lock orders this against a completion of the same upload.
        stored = await transfer_service.lock_own(tx, app, str(upload.transfer_id))
        upload = await own(tx, app, upload_id)
        if upload.state == "COMPLETED":
            raise refusals.upload.CLOSED_ABORT()
        if await upload_store.give_up(tx, upload.upload_id, reason, detail):
            await _note_given_up(tx, stored, upload, reason, detail)
    await platform.objects.abort(str(upload.key), upload.store_ref)


async def _note_given_up(
    tx: Transaction, stored: StoredTransfer, upload: UploadRow, reason: GivenUp, detail: str | None
) -> None:
    if stored.state.status.final:
        return
    why = {} if detail is None else {"detail": detail}
    facts = {"key": str(upload.key), "label": upload.label, "reason": reason, **why}
    await timeline_store.write(tx, upload.transfer_id, "upload.aborted", **facts)
    if stored.state.export_completed_at is not None:
        # The transfer may have waited only for this file.
        stored = await count_unfinished(tx, stored)
        await apply(tx, stored, export_rules.give_up_file(stored.state, tx.now))
