"""The server surface: what gateways and agents call."""

import asyncio
from time import monotonic
from typing import Any

from litestar import MediaType, Request, Router, delete, get, post
from litestar.di import Provide
from litestar.params import JSONBody

from ferryman.api.auth import caller, server_app_guard
from ferryman.api.disconnection import disconnected
from ferryman.api.mapping import container_page, find_mappings, mapping_page
from ferryman.api.parameters import (
    LONG_LIST_BYTES,
    Caller,
    Closing,
    Detail,
    Id,
    OwnPlatform,
    Reason,
    Unfinished,
)
from ferryman.api.storage import exported_manifest
from ferryman.api.throttle import Throttle
from ferryman.errors import Invalid
from ferryman.services import export, listener, mapping, part, upload
from ferryman.services.platform import Platform, passed
from ferryman.vocab import GivenUp
from ferryman.wire.listener import ClaimAnswer, ClaimRequest, HeartbeatAnswer, ListenerError
from ferryman.wire.upload import (
    AppDataReceipt,
    CompleteRequest,
    PartsRequest,
    PartUrls,
    UploadRequest,
    UploadState,
    UploadView,
)

_LONGEST_WAIT = 30.0
_POLL_SECONDS = 0.25


@post("/listeners/claim", status_code=200)
async def claim(
    caller: Caller,
    platform: OwnPlatform,
    closing: Closing,
    request: Request[Any, Any, Any],
    data: JSONBody[ClaimRequest],
) -> ClaimAnswer:
    """Take the next transfer whose listener is to be called, waiting for one up to 30 s."""
    until = monotonic() + min(max(data.wait_seconds, 0.0), _LONGEST_WAIT)
    noted = False
    # Nothing is taken for an agent that was killed: started under another name, it would
    # never get it.
    gone = asyncio.create_task(disconnected(request.receive))
    try:
        while not gone.done():
            found = await listener.claim(platform, caller, data)
            if found is None and not noted:
                await listener.note_asking(platform, caller, data.agent_id)
                noted = True
            if found is not None or monotonic() >= until or await passed(closing, _POLL_SECONDS):
                return ClaimAnswer(transfer=found)
    finally:
        gone.cancel()
    return ClaimAnswer(transfer=None)


@post("/transfers/{transfer_id:str}/app-data", status_code=200)
async def begin_upload(
    caller: Caller,
    platform: OwnPlatform,
    transfer_id: Id,
    data: JSONBody[UploadRequest],
) -> UploadView:
    """Begin a file; repeatable with a resume key. A small file may ask for its only URL at once."""
    return await upload.begin(platform, caller, transfer_id, data.label, data.resume_key, data.part)


@post("/uploads/{upload_id:str}/parts", status_code=200)
async def sign_parts(
    caller: Caller,
    platform: OwnPlatform,
    upload_id: Id,
    data: JSONBody[PartsRequest],
) -> PartUrls:
    """Signed URLs for parts, each bound to its size and digests."""
    return await part.sign_parts(platform, caller, upload_id, data.parts)


@get("/uploads/{upload_id:str}")
async def upload_state(caller: Caller, platform: OwnPlatform, upload_id: Id) -> UploadState:
    """What the store already holds, for resuming."""
    return await upload.state(platform, caller, upload_id)


@post("/uploads/{upload_id:str}/complete", status_code=200, request_max_body_size=LONG_LIST_BYTES)
async def complete_upload(
    caller: Caller,
    platform: OwnPlatform,
    upload_id: Id,
    data: JSONBody[CompleteRequest],
) -> AppDataReceipt:
    """Make the file of its parts and owe its event; repeatable."""
    return await upload.complete(platform, caller, upload_id, data)


@delete("/uploads/{upload_id:str}", status_code=200, media_type=MediaType.TEXT)
async def give_up_upload(
    caller: Caller,
    platform: OwnPlatform,
    upload_id: Id,
    reason: Reason = None,
    detail: Detail = None,
) -> None:
    """Give a file up: `writer_failed`, `deliberate` (the default) or `superseded`."""
    await upload.give_up(platform, caller, upload_id, _reason(reason), detail)


def _reason(text: str | None) -> GivenUp:
    try:
        return GivenUp.DELIBERATE if text is None else GivenUp(text)
    except ValueError:
        raise Invalid(
            "reason_invalid",
            expected=f"a reason out of {', '.join(GivenUp)}",
            found=f"{text!r}"[:48],
            fix="Leave it out if the file is given up on purpose.",
        ) from None


@post("/transfers/{transfer_id:str}/complete-export", status_code=200, media_type=MediaType.TEXT)
async def complete_export(
    caller: Caller, platform: OwnPlatform, transfer_id: Id, unfinished: Unfinished = None
) -> None:
    """Everything is exported; repeatable. Refused while a file is unfinished.

    With `unfinished=abandon` such files are given up on purpose.
    """
    if unfinished not in (None, "abandon"):
        raise Invalid(
            "unfinished_invalid",
            expected="unfinished=abandon, or no such parameter",
            found=f"{unfinished!r}"[:48],
            fix="Leave it out to be told of unfinished files.",
        )
    abandon = unfinished is not None
    await export.complete(platform, caller, transfer_id, abandon=abandon)


@post("/transfers/{transfer_id:str}/heartbeat", status_code=200)
async def heartbeat(caller: Caller, platform: OwnPlatform, transfer_id: Id) -> HeartbeatAnswer:
    """The listener runs. Without a call for two minutes the transfer is offered again."""
    return await listener.heartbeat(platform, caller, transfer_id)


@post("/transfers/{transfer_id:str}/returned", status_code=200, media_type=MediaType.TEXT)
async def returned(caller: Caller, platform: OwnPlatform, transfer_id: Id) -> None:
    """The listener came back without an exception; it is not called again. Repeatable."""
    await export.record_return(platform, caller, transfer_id)


@post("/transfers/{transfer_id:str}/error", status_code=200, media_type=MediaType.TEXT)
async def report_error(
    caller: Caller,
    platform: OwnPlatform,
    transfer_id: Id,
    data: JSONBody[ListenerError],
) -> None:
    """The listener threw: the cloud app gets ``errored:listener``."""
    await export.record_error(platform, caller, transfer_id, data)


@get("/transfers/{transfer_id:str}/feedback")
async def feedback(caller: Caller, platform: OwnPlatform, transfer_id: Id) -> dict[str, Any]:
    """What the cloud app left for the server app."""
    return await mapping.feedback(platform, caller, transfer_id)


def server_router(platform: Platform, throttle: Throttle) -> Router:
    """All of it, for holders of a server token."""
    return Router(
        path="/server/v1",
        guards=[server_app_guard(platform, throttle)],
        dependencies={"caller": Provide(caller, sync_to_thread=False)},
        tags=["Server"],
        route_handlers=[
            claim,
            begin_upload,
            sign_parts,
            upload_state,
            complete_upload,
            give_up_upload,
            complete_export,
            heartbeat,
            returned,
            report_error,
            post("/transfers/{transfer_id:str}/mappings/find", status_code=200)(find_mappings),
            get("/transfers/{transfer_id:str}/mappings/page")(mapping_page),
            get("/transfers/{transfer_id:str}/containers/page")(container_page),
            feedback,
            exported_manifest,
        ],
    )
