"""Pause, resume and extend transfers, one or all of a migration, for the operator."""

from litestar import post
from litestar.params import JSONBody

from ferryman.api.parameters import Author, Id, OwnPlatform
from ferryman.services import pause
from ferryman.services import transfer as transfer_service
from ferryman.wire.extension import Extension
from ferryman.wire.migration import MigrationView
from ferryman.wire.transfer import TransferView


@post("/transfers/{transfer_id:str}/pause", status_code=200)
async def pause_transfer(platform: OwnPlatform, actor: Author, transfer_id: Id) -> TransferView:
    """Deliver nothing for a transfer, offer it to no agent, and stop its deadlines; repeatable."""
    await pause.pause(platform, transfer_id, actor)
    return await transfer_service.view(platform, transfer_id)


@post("/transfers/{transfer_id:str}/resume", status_code=200)
async def resume_transfer(platform: OwnPlatform, actor: Author, transfer_id: Id) -> TransferView:
    """Let a paused transfer continue with the time that it had left; repeatable."""
    await pause.resume(platform, transfer_id, actor)
    return await transfer_service.view(platform, transfer_id)


@post("/transfers/{transfer_id:str}/extend", status_code=200)
async def extend_transfer(
    platform: OwnPlatform, actor: Author, transfer_id: Id, data: JSONBody[Extension]
) -> TransferView:
    """Extend the deadline of a transfer, and the lifetime of its files; never shortens one."""
    await pause.extend(platform, transfer_id, data, actor)
    return await transfer_service.view(platform, transfer_id)


@post("/migrations/{migration_id:str}/pause", status_code=200)
async def pause_migration(platform: OwnPlatform, actor: Author, migration_id: Id) -> MigrationView:
    """Pause all transfers of a migration that have not settled; repeatable."""
    return await pause.pause_migration(platform, migration_id, actor)


@post("/migrations/{migration_id:str}/resume", status_code=200)
async def resume_migration(platform: OwnPlatform, actor: Author, migration_id: Id) -> MigrationView:
    """Resume all paused transfers of a migration; repeatable."""
    return await pause.resume_migration(platform, migration_id, actor)


@post("/migrations/{migration_id:str}/extend", status_code=200)
async def extend_migration(
    platform: OwnPlatform, actor: Author, migration_id: Id, data: JSONBody[Extension]
) -> MigrationView:
    """Extend the deadlines of a migration's running transfers; never shortens one."""
    return await pause.extend_migration(platform, migration_id, data, actor)
