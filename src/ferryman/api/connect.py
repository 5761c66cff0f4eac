"""Connect REST (sources: connect-rest), under the base paths of both products."""

from typing import Any

from litestar import MediaType, Response, delete, get, post, put
from litestar.di import Provide
from litestar.params import JSONBody

from ferryman.api.auth import Credentials, caller, connect_app_guard
from ferryman.api.mapping import container_page, find_mappings, mapping_page
from ferryman.api.parameters import Caller, Id, OwnPlatform
from ferryman.api.problems import answer
from ferryman.api.router import Router
from ferryman.api.storage import received_manifest
from ferryman.api.throttle import AppThrottle
from ferryman.errors import Expired, NotAuthenticated, NotFound, PlatformError, Settled
from ferryman.services import app_data
from ferryman.services import connect as connect_service
from ferryman.services.platform import Platform
from ferryman.wire.app_data import DataUrl, FileParts
from ferryman.wire.connect import DataItem, Feedback, ProgressReport, RecentTransfer, Webhooks
from ferryman.wire.message import TransferError

BASE = "/rest/atlassian-connect/1/migration"


def _forbidden(_request: Any, error: PlatformError) -> Response[bytes]:
    return answer(error, 403)


def _too_late(_request: Any, error: Expired) -> Response[bytes]:
    return answer(error, 400)


def _unauthorized(_request: Any, error: NotAuthenticated) -> Response[bytes]:
    return answer(error, scheme="JWT")


@get("/webhook")
async def get_webhooks(caller: Caller) -> Webhooks:
    """Return the URLs that receive the app's events."""
    return Webhooks(endpoints=caller.webhooks)


@put("/webhook", status_code=200)
async def put_webhooks(caller: Caller, platform: OwnPlatform, data: JSONBody[Webhooks]) -> Webhooks:
    """Replace all webhook URLs of the app; an empty list removes them."""
    return Webhooks(endpoints=await connect_service.set_webhooks(platform, caller, data.endpoints))


@delete("/webhook", status_code=200)
async def delete_webhooks(caller: Caller, platform: OwnPlatform) -> Webhooks:
    """Remove all webhook URLs of the app."""
    return Webhooks(endpoints=await connect_service.set_webhooks(platform, caller, []))


@post(
    "/progress/{transfer_id:str}",
    status_code=200,
    exception_handlers={NotFound: _forbidden, Expired: _too_late},
)
async def report_progress(
    caller: Caller, platform: OwnPlatform, transfer_id: Id, data: JSONBody[ProgressReport]
) -> ProgressReport:
    """Report progress, or settle the transfer with a final status."""
    return await connect_service.report(platform, caller, transfer_id, data)


@get("/data/{transfer_id:str}/all")
async def data_all(caller: Caller, platform: OwnPlatform, transfer_id: Id) -> list[DataItem]:
    """List all files of a transfer."""
    items = await app_data.list_all(platform, caller, transfer_id)
    return [DataItem(s3_key=item.s3_key, label=item.label) for item in items]


@get("/data/{s3_key:str}")
async def data_url(caller: Caller, platform: OwnPlatform, s3_key: Id) -> DataUrl:
    """Return a signed URL of a file, valid for one hour."""
    return await app_data.url(platform, caller, s3_key)


@get("/data/{s3_key:str}/parts")
async def data_parts(caller: Caller, platform: OwnPlatform, s3_key: Id) -> FileParts:
    """Return size and sha256 of a file and of its parts, and a signed URL (a Ferryman addition)."""
    return await app_data.parts(platform, caller, s3_key)


@get("/transfer/recent")
async def recent_transfers(caller: Caller, platform: OwnPlatform) -> list[RecentTransfer]:
    """List the app's running transfers, newest first, at most 100."""
    return await connect_service.recent(platform, caller)


@post("/feedback/{transfer_id:str}", status_code=200, media_type=MediaType.TEXT)
async def leave_feedback(
    caller: Caller, platform: OwnPlatform, transfer_id: Id, data: JSONBody[Feedback]
) -> None:
    """Leave feedback for the server app to read; it replaces any earlier feedback."""
    await connect_service.leave_feedback(platform, caller, transfer_id, data)


@get("/error/{transfer_id:str}")
async def listener_error(caller: Caller, platform: OwnPlatform, transfer_id: Id) -> TransferError:
    """Return the error that the listener threw."""
    return await connect_service.listener_error(platform, caller, transfer_id)


def connect_routers(
    platform: Platform, credentials: Credentials, throttle: AppThrottle
) -> list[Router]:
    """Return the routers for Connect apps, with and without Confluence's context path."""
    return [
        Router(
            path=path,
            guards=[connect_app_guard(platform, credentials, throttle)],
            dependencies={"caller": Provide(caller, sync_to_thread=False)},
            exception_handlers={
                Settled: _forbidden,
                Expired: _forbidden,
                NotAuthenticated: _unauthorized,
            },
            tags=["Connect"],
            route_handlers=[
                get_webhooks,
                put_webhooks,
                delete_webhooks,
                report_progress,
                post("/mapping/{transfer_id:str}/find", status_code=200)(find_mappings),
                get("/mapping/{transfer_id:str}/page")(mapping_page),
                data_all,
                data_url,
                received_manifest,
                data_parts,
                get("/container/{transfer_id:str}/page")(container_page),
                recent_transfers,
                leave_feedback,
                listener_error,
            ],
        )
        for path in (BASE, f"/wiki{BASE}")
    ]
