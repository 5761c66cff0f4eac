"""Beginning a transfer anew under the ids and at the time of one that was recorded elsewhere.

Everything after that goes the ordinary way: the same things that happened to the recorded
transfer are done to this one, and its app is told of them by the same rules.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from ferryman.clock import wall_now
from ferryman.domain.dependency import Definition
from ferryman.errors import Conflict, Invalid
from ferryman.services import app as app_service
from ferryman.services import migration as migration_service
from ferryman.services import upload
from ferryman.services.clock import check_virtual
from ferryman.services.platform import Platform
from ferryman.store import app as apps
from ferryman.store import clock, recording, timeline
from ferryman.store import migration as migrations
from ferryman.store import transfer as transfers
from ferryman.store.database import Transaction
from ferryman.wire.migration import MigrationRequest, MigrationView
from ferryman.wire.recording import ReplayedFile, ReplayRequest
from ferryman.wire.upload import UploadView

_FARTHEST = timedelta(days=3660)


async def begin(platform: Platform, request: ReplayRequest) -> MigrationView:
    """A migration with its one transfer, offered to agents, and a clock that stands at its start.

    Only on a platform for tests that has no migrations: its time is set, also back.
    """
    plan = MigrationRequest(
        name=request.name,
        cloud_url=request.cloud_url,
        source_id=request.source_id,
        apps=[request.app],
        containers=request.containers,
    )
    migration_service.check(plan)
    began = _moment(request.created_at)
    ids = {
        name: _own_id(name, getattr(request, name))
        for name in ("migration_id", "migration_scope_id", "transfer_id")
    }
    original = request.original_transfer_id
    original_id = None if original is None else _own_id("original_transfer_id", original)
    if not timedelta(0) < (window := timedelta(seconds=request.window_seconds)) < _FARTHEST:
        raise Invalid(
            "window_invalid",
            expected=f"a window of more than 0 and less than {_FARTHEST.days} days",
            found=f"{request.window_seconds} seconds",
            fix="Take what the recording says.",
        )
    async with clock.moving(platform.database), platform.database.transaction() as real:
        await _check_fit(platform, real)
        app = await app_service.find(real, request.app)
        await clock.resume(real)
        tx = Transaction(real.connection, began)
        await clock.freeze(tx, began)
        scope = await migrations.save_scope(
            tx, request.source_id, request.cloud_url, ids["migration_scope_id"]
        )
        migration_id = await migrations.insert(tx, scope, request.name, ids["migration_id"])
        for position, container in enumerate(request.containers):
            await migrations.insert_container(tx, migration_id, position, container)
        if original_id is not None:
            await recording.insert_original(
                tx, original_id, migration_id=migration_id, app_id=app.app_id, window=window
            )
        name = request.transfer_name
        transfer_id = ids["transfer_id"]
        await transfers.insert(
            tx,
            transfer_id=transfer_id,
            migration_id=migration_id,
            app_id=app.app_id,
            window=window,
            original_transfer_id=original_id,
            released=True,
            definition=None if name is None else Definition(name, True, (), None),
        )
        await migrations.start(tx, migration_id)
        await timeline.write(tx, transfer_id, "transfer.created", app=app.cloud_app_key)
        await timeline.write(tx, transfer_id, "transfer.released")
    return await migration_service.view(platform, request.migration_id)


async def open_file(platform: Platform, transfer_id: str, file: ReplayedFile) -> UploadView:
    """Open the upload of a file under the key it had; its key is its resume key as well."""
    async with platform.database.transaction() as tx:
        check_virtual(platform, "replay")
        stored = await transfers.by_id(tx, _own_id("transfer_id", transfer_id))
        app = None if stored is None else await apps.by_id(tx, stored.app_id)
    if app is None:
        raise Invalid(
            "replay_unknown",
            expected="a transfer that is replayed here",
            found=repr(transfer_id)[:80],
            fix="Begin the replay first.",
        )
    key = _own_id("key", file.key)
    return await upload.begin(platform, app, transfer_id, file.label, file.key, key=key)


async def _check_fit(platform: Platform, tx: Transaction) -> None:
    check_virtual(platform, "replay")
    if not await recording.is_empty(tx):
        raise Conflict(
            "platform_not_empty",
            expected="a platform without migrations, whose time can be set",
            found="one that has some",
            fix="Replay without --url, or start a platform with a fresh data folder.",
        )


def _moment(milliseconds: int) -> datetime:
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
        near = abs(moment - wall_now()) < _FARTHEST
    except (ValueError, OverflowError, OSError):
        near = False
    if not near:
        raise Invalid(
            "created_at_invalid",
            expected=f"an instant in milliseconds, within {_FARTHEST.days} days of today",
            found=str(milliseconds)[:40],
            fix="Take what the recording says.",
        )
    return moment


def _own_id(name: str, text: str) -> UUID:
    try:
        value = UUID(text)
    except ValueError:
        value = None
    if value is None or str(value) != text:
        raise Invalid(
            "id_invalid",
            expected=f"a UUID in small letters as {name}",
            found=repr(text)[:80],
            fix="Take what the recording says.",
        )
    return value
