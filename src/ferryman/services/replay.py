"""Begin a transfer under the ids and at the time of one that was recorded elsewhere.

The rest takes the ordinary path: the recorded calls are made again, and the app gets its events by
the same rules.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from ferryman import refusals
from ferryman.clock import wall_now
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.dependency import Definition
from ferryman.services import app as app_service
from ferryman.services import audit, intake
from ferryman.services import customer as customer_service
from ferryman.services import migration as migration_service
from ferryman.services.clock import check_virtual
from ferryman.services.platform import Platform
from ferryman.store import app as app_store
from ferryman.store import clock as clock_store
from ferryman.store import migration as migration_store
from ferryman.store import recording as recording_store
from ferryman.store import timeline as timeline_store
from ferryman.store import transfer as transfer_store
from ferryman.store.database import Transaction
from ferryman.wire.migration import MigrationRequest, MigrationView
from ferryman.wire.recording import ReplayedFile, ReplayRequest
from ferryman.wire.upload import UploadView

_FARTHEST = timedelta(days=3660)


async def begin(platform: Platform, request: ReplayRequest, by: Actor = PLATFORM) -> MigrationView:
    """Create a migration with one transfer, offered to agents, and stop the clock at its start.

    Only on a platform for tests without migrations, since its time is set and may go back.
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
        raise refusals.migration.WINDOW_INVALID(
            limit=_FARTHEST.days, seconds=request.window_seconds
        )
    async with clock_store.moving(platform.database), platform.database.transaction() as real:
        await _check_fit(platform, real)
        app = await app_service.find(real, request.app)
        customer = await customer_service.of_call(real, by, None)
        await clock_store.resume(real)
        tx = Transaction(real.connection, began, secrets=real.secrets)
        await clock_store.freeze(tx, began)
        scope = await migration_store.save_scope(
            tx, request.source_id, request.cloud_url, ids["migration_scope_id"], customer=customer
        )
        migration_id = ids["migration_id"]
        await migration_store.insert(tx, scope, request.name, migration_id)
        for position, container in enumerate(request.containers):
            await migration_store.insert_container(tx, migration_id, position, container)
        if original_id is not None:
            # The recording holds no more of the original; unreleased, it is never claimed.
            await transfer_store.insert(
                tx,
                transfer_id=original_id,
                migration_id=migration_id,
                app_id=app.app_id,
                window=window,
            )
        name = request.transfer_name
        transfer_id = ids["transfer_id"]
        await transfer_store.insert(
            tx,
            transfer_id=transfer_id,
            migration_id=migration_id,
            app_id=app.app_id,
            window=window,
            original_transfer_id=original_id,
            released=True,
            definition=None if name is None else Definition(name, True, (), None),
        )
        await migration_store.start(tx, migration_id)
        await timeline_store.write(tx, transfer_id, "transfer.created", app=app.cloud_app_key)
        await timeline_store.write(tx, transfer_id, "transfer.released")
        await audit.record(
            tx,
            by,
            "begin_replay",
            migration_id,
            customer=customer,
            after={"transferId": str(transfer_id), "name": request.name},
        )
    return await migration_service.view(platform, request.migration_id)


async def open_file(
    platform: Platform, transfer_id: str, file: ReplayedFile, by: Actor = PLATFORM
) -> UploadView:
    """Open the upload of a file under its recorded key, which is also its resume key."""
    async with platform.database.transaction() as tx:
        check_virtual(platform, "replay")
        stored = await transfer_store.by_id(tx, _own_id("transfer_id", transfer_id))
        app = None if stored is None else await app_store.by_id(tx, stored.app_id)
        if app is None:
            raise refusals.migration.REPLAY_UNKNOWN(transfer=transfer_id)
        key = _own_id("key", file.key)
        await audit.record(tx, by, "replay_file", transfer_id, after={"key": file.key})
    return await intake.begin(platform, app, transfer_id, file.label, file.key, key=key)


async def _check_fit(platform: Platform, tx: Transaction) -> None:
    check_virtual(platform, "replay")
    if not await recording_store.is_empty(tx):
        raise refusals.migration.PLATFORM_NOT_EMPTY()


def _moment(milliseconds: int) -> datetime:
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
        near = abs(moment - wall_now()) < _FARTHEST
    except (ValueError, OverflowError, OSError):
        near = False
    if not near:
        raise refusals.migration.CREATED_AT_INVALID(limit=_FARTHEST.days, milliseconds=milliseconds)
    return moment


def _own_id(name: str, text: str) -> UUID:
    try:
        value = UUID(text)
    except ValueError:
        value = None
    if value is None or str(value) != text:
        raise refusals.migration.ID_INVALID(name=name, text=text)
    return value
