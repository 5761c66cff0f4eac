"""Trials, on a virtual clock only: act as the server app of a transfer, as the console does."""

from litestar import post
from litestar.params import JSONBody

from ferryman.api.parameters import LONG_LIST_BYTES, Author, Id, OwnPlatform
from ferryman.services import transfer as transfer_service
from ferryman.services import trial
from ferryman.wire.transfer import TransferView
from ferryman.wire.trial import TrialEvent
from ferryman.wire.upload import (
    AppDataReceipt,
    CompleteRequest,
    PartsRequest,
    PartUrls,
    UploadRequest,
    UploadView,
)


@post("/trials/{transfer_id:str}/files", status_code=200)
async def begin_trial_file(
    platform: OwnPlatform, actor: Author, transfer_id: Id, data: JSONBody[UploadRequest]
) -> UploadView:
    """Begin a file as the server app would; only on a virtual clock."""
    return await trial.begin_file(platform, transfer_id, data, actor)


@post("/trials/{transfer_id:str}/files/{upload_id:str}/parts", status_code=200)
async def sign_trial_parts(
    platform: OwnPlatform,
    actor: Author,
    transfer_id: Id,
    upload_id: Id,
    data: JSONBody[PartsRequest],
) -> PartUrls:
    """Sign a URL for each part of a trial's file."""
    return await trial.sign_parts(platform, transfer_id, upload_id, data.parts, actor)


@post(
    "/trials/{transfer_id:str}/files/{upload_id:str}/complete",
    status_code=200,
    request_max_body_size=LONG_LIST_BYTES,
)
async def complete_trial_file(
    platform: OwnPlatform,
    actor: Author,
    transfer_id: Id,
    upload_id: Id,
    data: JSONBody[CompleteRequest],
) -> AppDataReceipt:
    """Assemble a trial's file from its parts and queue its event; repeatable."""
    return await trial.complete_file(platform, transfer_id, upload_id, data, actor)


@post("/trials/{transfer_id:str}/events", status_code=200)
async def send_trial_event(
    platform: OwnPlatform, actor: Author, transfer_id: Id, data: JSONBody[TrialEvent]
) -> TransferView:
    """Cause an event: start the transfer, complete its export, or let its listener fail."""
    await trial.send(platform, transfer_id, data, actor)
    return await transfer_service.view(platform, transfer_id)
