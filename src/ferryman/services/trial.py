"""Act as the server app of a transfer, to try the cloud app by hand; on a virtual clock only.

Nothing is faked: the file is uploaded and registered, and the app gets its event, by the rules of
any export.
"""

from collections.abc import Mapping, Sequence

from ferryman import refusals
from ferryman.domain.access import PLATFORM, Actor
from ferryman.services import audit, completion, export, intake, open_upload
from ferryman.services import transfer as transfer_service
from ferryman.services.clock import check_virtual
from ferryman.services.platform import Platform, parse_id
from ferryman.store import app as app_store
from ferryman.store import transfer as transfer_store
from ferryman.store.app import AppRow
from ferryman.vocab import IdKind
from ferryman.wire.listener import ListenerError
from ferryman.wire.trial import TrialEvent, TrialStep
from ferryman.wire.upload import (
    AppDataReceipt,
    CompleteRequest,
    PartRequest,
    PartUrls,
    UploadRequest,
    UploadView,
)


async def begin_file(
    platform: Platform, transfer_id: str, request: UploadRequest, by: Actor = PLATFORM
) -> UploadView:
    """Begin a file, or resume it by its resume key."""
    app = await _act(platform, transfer_id, by, "begin_trial_file", {"label": request.label})
    return await intake.begin(
        platform, app, transfer_id, request.label, request.resume_key, request.part
    )


async def sign_parts(
    platform: Platform,
    transfer_id: str,
    upload_id: str,
    parts: Sequence[PartRequest],
    by: Actor = PLATFORM,
) -> PartUrls:
    """Sign a URL for each part."""
    facts = {"uploadId": upload_id, "parts": len(parts)}
    app = await _act(platform, transfer_id, by, "sign_trial_parts", facts, upload_id)
    return await open_upload.sign_parts(platform, app, upload_id, list(parts))


async def complete_file(
    platform: Platform,
    transfer_id: str,
    upload_id: str,
    request: CompleteRequest,
    by: Actor = PLATFORM,
) -> AppDataReceipt:
    """Assemble a file and queue its event."""
    facts = {"uploadId": upload_id}
    app = await _act(platform, transfer_id, by, "complete_trial_file", facts, upload_id)
    return await completion.complete(platform, app, upload_id, request)


async def send(
    platform: Platform, transfer_id: str, event: TrialEvent, by: Actor = PLATFORM
) -> None:
    """Do what causes an event: start the transfer, complete the export, or let it fail."""
    app = await _act(platform, transfer_id, by, "send_trial_event", {"event": event.step})
    match event.step:
        case TrialStep.START:
            async with platform.database.transaction() as tx:
                await transfer_service.lock_exporting(tx, app, transfer_id)
        case TrialStep.COMPLETE:
            await export.complete(platform, app, transfer_id)
        case TrialStep.FAIL:
            said = event.message or "sent by hand"
            error = ListenerError(exception_type="TrialError", safe_stack_trace=said)
            await export.record_error(platform, app, transfer_id, error)


async def _act(
    platform: Platform,
    transfer_id: str,
    by: Actor,
    operation: str,
    facts: Mapping[str, object],
    upload_id: str | None = None,
) -> AppRow:
    """Return the app of a transfer, after the row of the audit log.

    An upload of another transfer looks like an unknown one: that may be another customer's.
    """
    async with platform.database.transaction() as tx:
        check_virtual(platform, "act as a server app")
        parsed_id = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
        stored = await transfer_store.by_id(tx, parsed_id)
        app = None if stored is None else await app_store.by_id(tx, stored.app_id)
        if app is None:
            raise refusals.transfer.NOT_FOUND(id=transfer_id)
        if upload_id is not None:
            upload = await open_upload.own(tx, app, upload_id)
            if upload.transfer_id != parsed_id:
                raise refusals.upload.NOT_FOUND(id=upload_id)
        await audit.record_of(tx, by, operation, IdKind.TRANSFER, parsed_id, after=facts)
    return app
