"""Forge REST, all nine operations (sources: forge-rest); every success is exactly 200."""

from typing import Any

from litestar import MediaType, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody
from litestar.response import Stream

from ferryman.api.auth import Credentials, caller, cloud_app_guard
from ferryman.api.concurrency_limit import READ_BYTES
from ferryman.api.http import begun
from ferryman.api.mapping import container_page, find_mappings, mapping_page
from ferryman.api.parameters import Caller, Id, LastKey, OwnPlatform, OwnReaders, PageSize
from ferryman.api.problems import answer
from ferryman.api.router import Router
from ferryman.api.storage import received_manifest
from ferryman.api.throttle import AppThrottle
from ferryman.errors import Settled
from ferryman.services import acknowledgement, app_data
from ferryman.services import transfer as transfer_service
from ferryman.services.platform import Platform
from ferryman.wire.app_data import AppDataItem, AppDataPage, DataUrl, FileParts
from ferryman.wire.message import LogMessage, MessageStatus


@post("/message/{transfer_id:str}/status", status_code=200, media_type=MediaType.TEXT)
async def message_status(
    caller: Caller,
    platform: OwnPlatform,
    transfer_id: Id,
    data: JSONBody[MessageStatus],
) -> None:
    """Acknowledge messages."""
    await acknowledgement.acknowledge(platform, caller, transfer_id, data)


@post("/log/{transfer_id:str}", status_code=200, media_type=MediaType.TEXT)
async def add_log(
    caller: Caller,
    platform: OwnPlatform,
    log_throttle: NamedDependency[AppThrottle],
    transfer_id: Id,
    data: JSONBody[LogMessage],
) -> None:
    """Add a line to the customer's progress log."""
    log_throttle.admit(caller.app_id, len(data.message.encode("utf-8", "replace")))
    await transfer_service.add_log(platform, caller, transfer_id, data.message)


@get("/data/{transfer_id:str}/all")
async def data_all(caller: Caller, platform: OwnPlatform, transfer_id: Id) -> list[AppDataItem]:
    """List all files of a transfer in one answer."""
    return await app_data.list_all(platform, caller, transfer_id)


@get("/data/{transfer_id:str}/page")
async def data_page(
    caller: Caller,
    platform: OwnPlatform,
    transfer_id: Id,
    last_evaluated_key: LastKey = None,
    size: PageSize = None,
) -> AppDataPage:
    """List the files of a transfer by page."""
    return await app_data.page(platform, caller, transfer_id, cursor=last_evaluated_key, size=size)


@get("/data/{file_key:str}")
async def data_url(caller: Caller, platform: OwnPlatform, file_key: Id) -> DataUrl:
    """Return a signed URL of a file, valid for one hour."""
    return await app_data.url(platform, caller, file_key)


@get("/data/{file_key:str}/parts")
async def data_parts(caller: Caller, platform: OwnPlatform, file_key: Id) -> FileParts:
    """Return size and sha256 of a file and of its parts, and a signed URL (a Ferryman addition)."""
    return await app_data.parts(platform, caller, file_key)


@get("/data/{file_key:str}/payload", media_type="application/octet-stream")
async def data_payload(
    caller: Caller, platform: OwnPlatform, file_key: Id, readers: OwnReaders
) -> Stream:
    """Return the bytes of a file, exactly as they were written."""
    app = str(caller.app_id)
    readers.check(app)
    size, chunks = await app_data.payload(platform, caller, file_key, step=READ_BYTES)
    return Stream(
        readers.counted(app, await begun(chunks)),
        media_type="application/octet-stream",
        headers={"Content-Length": str(size)},
    )


def forge_router(platform: Platform, credentials: Credentials, throttle: AppThrottle) -> Router:
    """Return the router for holders of a cloud token."""
    settled_status = platform.settings.forge_settled_status

    def on_settled(_request: Any, error: Settled) -> Response[bytes]:
        return answer(error, settled_status)

    return Router(
        path="/app/migration/forge/v1",
        guards=[cloud_app_guard(platform, credentials, throttle)],
        dependencies={"caller": Provide(caller, sync_to_thread=False)},
        exception_handlers={Settled: on_settled},
        tags=["Forge"],
        route_handlers=[
            message_status,
            post("/mapping/{transfer_id:str}/find", status_code=200)(find_mappings),
            get("/mapping/{transfer_id:str}/page")(mapping_page),
            add_log,
            data_all,
            data_page,
            data_url,
            data_parts,
            data_payload,
            received_manifest,
            get("/container/{transfer_id:str}/page")(container_page),
        ],
    )
