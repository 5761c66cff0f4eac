"""The server surface, which gateways and agents call."""

from typing import Any

from litestar import MediaType, Request, get, post
from litestar.di import Provide
from litestar.params import JSONBody

from ferryman import refusals
from ferryman.api.auth import caller, server_app_guard
from ferryman.api.check import CHECK_HANDLERS
from ferryman.api.mapping import container_page, find_mappings, mapping_page
from ferryman.api.parameters import (
    STRICT_QUERY,
    Caller,
    Id,
    OwnPlatform,
    Poll,
    Unfinished,
)
from ferryman.api.router import Router
from ferryman.api.storage import exported_manifest
from ferryman.api.throttle import AppThrottle
from ferryman.api.upload import UPLOAD_HANDLERS
from ferryman.services import export, listener
from ferryman.services import mapping as mapping_service
from ferryman.services.platform import Platform
from ferryman.wire.listener import ClaimAnswer, ClaimRequest, HeartbeatAnswer, ListenerError


@post("/listeners/claim", status_code=200)
async def claim(
    caller: Caller,
    claim_poll: Poll,
    request: Request[Any, Any, Any],
    data: JSONBody[ClaimRequest],
) -> ClaimAnswer:
    """Claim the next transfer whose listener has to be called; wait for one for up to 30 s."""
    return await claim_poll.claim(caller, data, request.receive)


@post("/transfers/{transfer_id:str}/complete-export", status_code=200, media_type=MediaType.TEXT)
async def complete_export(
    caller: Caller, platform: OwnPlatform, transfer_id: Id, unfinished: Unfinished = None
) -> None:
    """Declare the export complete; repeatable. Refused while a file is unfinished.

    `unfinished=abandon` gives up such files as deliberate.
    """
    if unfinished not in (None, "abandon"):
        raise refusals.transfer.UNFINISHED_INVALID(unfinished=unfinished)
    abandon = unfinished is not None
    await export.complete(platform, caller, transfer_id, abandon=abandon)


@post("/transfers/{transfer_id:str}/heartbeat", status_code=200)
async def heartbeat(caller: Caller, platform: OwnPlatform, transfer_id: Id) -> HeartbeatAnswer:
    """Report that the listener runs; after two minutes of silence the transfer is re-offered."""
    return await listener.heartbeat(platform, caller, transfer_id)


@post("/transfers/{transfer_id:str}/returned", status_code=200, media_type=MediaType.TEXT)
async def returned(caller: Caller, platform: OwnPlatform, transfer_id: Id) -> None:
    """Report that the listener returned normally; it is not called again. Repeatable."""
    await export.record_return(platform, caller, transfer_id)


@post("/transfers/{transfer_id:str}/error", status_code=200, media_type=MediaType.TEXT)
async def report_error(
    caller: Caller,
    platform: OwnPlatform,
    transfer_id: Id,
    data: JSONBody[ListenerError],
) -> None:
    """Report that the listener threw; the cloud app gets `errored:listener`."""
    await export.record_error(platform, caller, transfer_id, data)


@get("/transfers/{transfer_id:str}/feedback")
async def feedback(caller: Caller, platform: OwnPlatform, transfer_id: Id) -> dict[str, Any]:
    """Return the feedback that the cloud app left for the server app."""
    return await mapping_service.feedback(platform, caller, transfer_id)


def server_router(platform: Platform, throttle: AppThrottle) -> Router:
    """Return the router of the server surface, for holders of a server token."""
    return Router(
        path="/server/v1",
        guards=[server_app_guard(platform, throttle)],
        dependencies={"caller": Provide(caller, sync_to_thread=False)},
        opt=STRICT_QUERY,
        tags=["Server"],
        route_handlers=[
            claim,
            *UPLOAD_HANDLERS,
            *CHECK_HANDLERS,
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
