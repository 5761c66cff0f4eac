"""Find uploads that were begun before, under the resume keys that name them again."""

from collections.abc import Mapping
from uuid import UUID

from ferryman import refusals
from ferryman.domain import export as export_rules
from ferryman.errors import PlatformError
from ferryman.services import transfer as transfer_service
from ferryman.services.open_upload import receipts
from ferryman.services.platform import Platform
from ferryman.services.upload_view import upload_view
from ferryman.store import upload as upload_store
from ferryman.store.app import AppRow
from ferryman.wire.upload import UploadRequest, UploadView


async def begun_before(
    platform: Platform, app: AppRow, transfer_id: str, files: Mapping[UUID, UploadRequest]
) -> dict[UUID, UploadView | PlatformError]:
    """Return the answers for files that were begun before under their resume keys."""
    keys = {file.resume_key: key for key, file in files.items() if file.resume_key is not None}
    if not keys:
        return {}
    answers: dict[UUID, UploadView | PlatformError] = {}
    resumed: list[UUID] = []
    async with platform.database.transaction() as tx:
        stored = await transfer_service.load_own(tx, app, transfer_id)
        uploads = await upload_store.to_resume(tx, stored.transfer_id, list(keys))
        done = await receipts(tx, uploads.values())
        for resume_key, upload in uploads.items():
            key, receipt = keys[resume_key], done.get(upload.upload_id)
            label = files[key].label
            if upload.label != label:
                answers[key] = refusals.upload.RESUME_KEY_TAKEN(label=upload.label, found=label)
                continue
            if receipt is None:
                resumed.append(upload.upload_id)
            answers[key] = upload_view(platform, upload, resumed=True, receipt=receipt)
        if resumed:
            export_rules.check_exporting(stored.state, "uploading app data")
            await upload_store.adopt(tx, resumed)
    return answers
