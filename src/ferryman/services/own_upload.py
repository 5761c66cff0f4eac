"""An app's own upload, and what it has to be for a call."""

from ferryman.errors import Conflict, not_found
from ferryman.services.claim import check_claim
from ferryman.services.platform import parse_id
from ferryman.store import app_data
from ferryman.store import upload as uploads
from ferryman.store.app import App
from ferryman.store.app_data import AppData
from ferryman.store.database import Transaction
from ferryman.store.transfer import StoredTransfer
from ferryman.store.upload import Upload
from ferryman.vocab import GivenUp
from ferryman.wire.upload import AppDataReceipt


async def own(tx: Transaction, app: App, upload_id: str) -> Upload:
    """The app's own upload; any other looks like none."""
    upload = await uploads.by_id(tx, parse_id("upload", upload_id), app.app_id)
    if upload is None:
        raise not_found("upload", upload_id)
    return upload


async def completed(tx: Transaction, upload: Upload) -> AppData | None:
    """The file that an upload became; its state and its file were written together."""
    if upload.state != "COMPLETED":
        return None
    return await app_data.of_upload(tx, upload.upload_id)


def check_open(upload: Upload, stored: StoredTransfer) -> None:
    """It takes parts."""
    check_current(upload, stored)
    if upload.state != "OPEN":
        raise Conflict(
            "upload_closed",
            expected="an open upload",
            found="one that is complete",
            fix="Begin a new upload for another file.",
        )


def check_current(upload: Upload, stored: StoredTransfer) -> None:
    """It is a file of the transfer, or may become one.

    Raises :class:`Conflict`: ``claim_superseded`` for a file that an earlier claim left open,
    ``upload_closed`` for one that was given up.
    """
    if upload.state == "OPEN" or upload.reason is GivenUp.SUPERSEDED:
        check_claim(upload.claim, stored)
    if upload.state == "ABORTED":
        why = "" if upload.reason is None else f" ({upload.reason})"
        raise Conflict(
            "upload_closed",
            expected="an open upload",
            found=f"one that was given up{why}",
            fix="Begin a new upload.",
        )


def receipt_of(file: AppData) -> AppDataReceipt:
    """What the uploader is told of its file."""
    return AppDataReceipt(
        key=str(file.key),
        label=file.label,
        size=file.size,
        sha256=file.sha256,
        message_id=str(file.message_id),
    )
