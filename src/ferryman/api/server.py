"""The server surface, which gateways and agents call."""

import asyncio
from time import monotonic
from typing import Any

from litestar import MediaType, Request, Router, get, post
from litestar.di import Provide
from litestar.params import JSONBody

from ferryman import refusals
from ferryman.api.auth import caller, server_app_guard
from ferryman.api.check import CHECK_HANDLERS
from ferryman.api.http import disconnected
from ferryman.api.mapping import container_page, find_mappings, mapping_page
from ferryman.api.parameters import (
    STRICT_QUERY,
    Caller,
    Closing,
    Desk,
    Id,
    OwnPlatform,
    Unfinished,
)
from ferryman.api.storage import exported_manifest
from ferryman.api.throttle import AppThrottle
from ferryman.api.upload import UPLOAD_HANDLERS
from ferryman.services import export, listener
from ferryman.services import mapping as mapping_service
from ferryman.services.platform import Platform, wait_for_event
from ferryman.wire.listener import ClaimAnswer, ClaimRequest, HeartbeatAnswer, ListenerError

_LONGEST_WAIT = 30.0
_CROWDED_WAIT = 1.0
"""Whoever waits as long as this can leave the first look to the claim desk, if many wait there."""


@post("/listeners/claim", status_code=200)
async def claim(
    caller: Caller,
    platform: OwnPlatform,
    closing: Closing,
    claim_desk: Desk,
    request: Request[Any, Any, Any],
    data: JSONBody[ClaimRequest],
) -> ClaimAnswer:
    """Claim the next transfer whose listener has to be called; wait for one for up to 30 s."""
    until = monotonic() + min(max(data.wait_seconds, 0.0), _LONGEST_WAIT)
    # Waits before it looks, so that nothing is missed in between.
    async with claim_desk.wait(caller.app_id, data) as woken:
        # Do not claim for an agent that was killed: restarted under another name, it would never
        # get the transfer.
        gone = asyncio.create_task(disconnected(request.receive))
        gone.add_done_callback(lambda _: woken.set())
        waits = claim_desk.crowded(caller.app_id) and data.wait_seconds >= _CROWDED_WAIT
        try:
            noted = False
            while not gone.done():
                transfer = None
                if waits:
                    listener.check(caller, data)
                else:
                    woken.clear()
                    transfer = await listener.claim(platform, caller, data)
                waits = False
                if transfer is None and not noted:
                    noted = True
                    if claim_desk.notes(caller.app_id):
                        await listener.note_asking(platform, caller, data.agent_id)
                left = until - monotonic()
                if transfer is not None or left <= 0 or closing.is_set():
                    return ClaimAnswer(transfer=transfer)
                if not gone.done() and not await wait_for_event(woken, left):
                    return ClaimAnswer(transfer=None)
        finally:
            gone.cancel()
    return ClaimAnswer(transfer=None)


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
