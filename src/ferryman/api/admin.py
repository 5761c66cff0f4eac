"""The admin surface, for the holder of the operator token."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import Request, Response, Router, get, post, put
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery, JSONBody
from litestar.response import ServerSentEvent, ServerSentEventMessage

from ferryman.api.apps import (
    get_app,
    install_app,
    list_apps,
    register_app,
    retry_app,
    uninstall_app,
)
from ferryman.api.auth import Credentials, check_operator
from ferryman.api.heartbeat import with_heartbeat
from ferryman.api.mapping_rows import read_rows
from ferryman.api.messages import (
    explain_message,
    get_message,
    list_undelivered,
    redeliver_all,
    redeliver_message,
)
from ferryman.api.parameters import LONG_LIST_BYTES, Closing, Cursor, Id, OwnPlatform, PageSize
from ferryman.api.recording import (
    begin_replay,
    record_transfer,
    recorded_payload,
    replay_file,
)
from ferryman.api.storage import (
    get_storage,
    list_files,
    sweep_storage,
    transfer_manifest,
    verify_transfer,
)
from ferryman.services import (
    clock,
    explain_transfer,
    mapping_load,
    mapping_report,
    message,
    migration,
    timeline,
    transfer,
)
from ferryman.wire.clock import ClockAdvance, ClockView
from ferryman.wire.mapping import DifferencePage, MissingPage
from ferryman.wire.migration import MappingCounts, MigrationPage, MigrationRequest, MigrationView
from ferryman.wire.transfer import (
    MessagePage,
    RerunAnswer,
    TimelineEntry,
    TransferExplanation,
    TransferView,
)


@post("/migrations", status_code=200, request_max_body_size=LONG_LIST_BYTES)
async def create_migration(
    platform: OwnPlatform, data: JSONBody[MigrationRequest]
) -> MigrationView:
    """Create a migration with a READY transfer for each app."""
    return await migration.create(platform, data)


@get("/migrations")
async def list_migrations(
    platform: OwnPlatform, cursor: Cursor = None, size: PageSize = None
) -> MigrationPage:
    """Migrations, newest first."""
    return await migration.page(platform, cursor, size)


@get("/migrations/{migration_id:str}")
async def get_migration(platform: OwnPlatform, migration_id: Id) -> MigrationView:
    """One migration."""
    return await migration.view(platform, migration_id)


@put("/migrations/{migration_id:str}/mappings", request_max_body_size=None)
async def load_mappings(
    request: Request[Any, Any, Any],
    platform: OwnPlatform,
    migration_id: Id,
) -> MappingCounts:
    """Load mappings as NDJSON, or as CSV by its Content-Type; the last write of a key wins."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    rows = read_rows(request.stream(), csv_form=kind == "text/csv")
    return await mapping_load.load(platform, migration_id, rows)


@get("/migrations/{migration_id:str}/mappings/diff")
async def diff_mappings(
    platform: OwnPlatform,
    migration_id: Id,
    against: FromQuery[str],
    cursor: Cursor = None,
    size: PageSize = None,
) -> DifferencePage:
    """Mappings that were added, changed or are missing against another migration of the scope."""
    return await mapping_report.differences(
        platform, migration_id, against, cursor=cursor, size=size
    )


@post("/migrations/{migration_id:str}/start", status_code=200)
async def start_migration(platform: OwnPlatform, migration_id: Id) -> MigrationView:
    """Offer the transfers to their agents; repeatable."""
    return await migration.start(platform, migration_id)


@get("/transfers/{transfer_id:str}")
async def get_transfer(platform: OwnPlatform, transfer_id: Id) -> TransferView:
    """Status, progress, deadline and what last moved it, counts, bytes."""
    return await transfer.view(platform, transfer_id)


@get("/transfers/{transfer_id:str}/timeline")
async def get_timeline(
    request: Request[Any, Any, Any],
    platform: OwnPlatform,
    closing: Closing,
    transfer_id: Id,
    cursor: Cursor = None,
    size: PageSize = None,
) -> Response[Any]:
    """What happened, in order; with ``Accept: text/event-stream`` also what happens next."""
    if "text/event-stream" not in request.headers.get("accept", ""):
        page = await timeline.page(platform, transfer_id, cursor=cursor, size=size)
        return Response(page)
    await transfer.view(platform, transfer_id)  # refuse before the stream has begun
    last = request.headers.get("last-event-id", "0")
    after = int(last) if last.isdecimal() and len(last) < 19 else 0
    return ServerSentEvent(_events(timeline.follow(platform, transfer_id, after, closing)))


async def _events(entries: AsyncIterator[TimelineEntry]) -> AsyncIterator[ServerSentEventMessage]:
    async for entry in with_heartbeat(entries):
        if entry is None:
            yield ServerSentEventMessage(data=None, comment="")
            continue
        yield ServerSentEventMessage(
            data=msgspec.json.encode(entry).decode(), id=str(entry.seq), event=entry.kind
        )


@get("/transfers/{transfer_id:str}/mappings/missing")
async def missing_mappings(
    platform: OwnPlatform, transfer_id: Id, cursor: Cursor = None, size: PageSize = None
) -> MissingPage:
    """Keys that were looked up and not found, by namespace, with samples."""
    return await mapping_report.missing_page(platform, transfer_id, cursor=cursor, size=size)


@get("/transfers/{transfer_id:str}/messages")
async def list_messages(
    platform: OwnPlatform,
    transfer_id: Id,
    cursor: Cursor = None,
    size: PageSize = None,
) -> MessagePage:
    """Messages of a transfer with their attempts."""
    return await message.page(platform, transfer_id, cursor=cursor, size=size)


@post("/transfers/{transfer_id:str}/cancel", status_code=200)
async def cancel_transfer(platform: OwnPlatform, transfer_id: Id) -> TransferView:
    """Ask for cancellation; the app has 60 minutes to clean up."""
    await transfer.cancel(platform, transfer_id)
    return await transfer.view(platform, transfer_id)


@post("/transfers/{transfer_id:str}/rerun", status_code=200)
async def rerun_transfer(platform: OwnPlatform, transfer_id: Id) -> RerunAnswer:
    """Run a FAILED or INCOMPLETE transfer again, under a new id."""
    return await transfer.rerun(platform, transfer_id)


@get("/transfers/{transfer_id:str}/explain")
async def explain_whole_transfer(platform: OwnPlatform, transfer_id: Id) -> TransferExplanation:
    """The chain from migration to end, of a transfer that nothing came of too."""
    return await explain_transfer.explain(platform, transfer_id)


@get("/clock")
async def get_clock(platform: OwnPlatform) -> ClockView:
    """The platform's time."""
    return await clock.view(platform)


@post("/clock/advance", status_code=200)
async def advance_clock(platform: OwnPlatform, data: JSONBody[ClockAdvance]) -> ClockView:
    """Move the virtual clock; returns when all that fell due is done."""
    return await clock.advance(platform, data.seconds)


@post("/clock/freeze", status_code=200)
async def freeze_clock(platform: OwnPlatform) -> ClockView:
    """Have the virtual clock stand still until it is advanced or resumed; repeatable."""
    return await clock.freeze(platform)


@post("/clock/resume", status_code=200)
async def resume_clock(platform: OwnPlatform) -> ClockView:
    """Have the virtual clock go on from where it stands; repeatable."""
    return await clock.resume(platform)


def admin_router(credentials: Credentials) -> Router:
    """All of it, for the operator: the guard runs before anything of a request is read."""

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        check_operator(connection, credentials)

    return Router(
        path="/admin/v1",
        guards=[guard],
        tags=["Admin"],
        route_handlers=[
            register_app,
            list_apps,
            get_app,
            install_app,
            retry_app,
            uninstall_app,
            create_migration,
            list_migrations,
            get_migration,
            load_mappings,
            diff_mappings,
            missing_mappings,
            start_migration,
            get_transfer,
            get_timeline,
            list_messages,
            list_files,
            transfer_manifest,
            verify_transfer,
            record_transfer,
            recorded_payload,
            begin_replay,
            replay_file,
            get_storage,
            sweep_storage,
            cancel_transfer,
            rerun_transfer,
            list_undelivered,
            redeliver_all,
            get_message,
            redeliver_message,
            explain_message,
            explain_whole_transfer,
            get_clock,
            advance_clock,
            freeze_clock,
            resume_clock,
        ],
    )
