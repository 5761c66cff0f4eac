"""Pause, resume and extend a transfer, or all of a migration."""

from litestar import post
from litestar.exceptions import ValidationException
from litestar.response import Redirect

from ferryman.console.pages.parameters import Id, OwnVisit
from ferryman.wire.clock import ClockView
from ferryman.wire.extension import Extension
from ferryman.wire.migration import MigrationView
from ferryman.wire.transfer import TransferView

_HOUR_MS = 3_600_000


@post("/transfers/{transfer_id:str}/pause", status_code=200)
async def pause_transfer(visit: OwnVisit, transfer_id: Id) -> Redirect:
    """Pause a transfer."""
    await visit.calls.post(f"/transfers/{transfer_id}/pause", TransferView)
    return visit.to(f"transfers/{transfer_id}")


@post("/transfers/{transfer_id:str}/resume", status_code=200)
async def resume_transfer(visit: OwnVisit, transfer_id: Id) -> Redirect:
    """Resume a transfer."""
    await visit.calls.post(f"/transfers/{transfer_id}/resume", TransferView)
    return visit.to(f"transfers/{transfer_id}")


@post("/transfers/{transfer_id:str}/extend", status_code=200)
async def extend_transfer(visit: OwnVisit, transfer_id: Id) -> Redirect:
    """Let a transfer not end within some hours from now."""
    hours = str(visit.form.get("hours", ""))
    if not hours.isascii() or not hours.isdigit() or len(hours) > 3:
        raise ValidationException(detail=f"{hours!r:.40} hours; write a whole number from 1 to 720")
    clock = await visit.calls.get("/clock", ClockView)
    request = Extension(until=clock.now + int(hours) * _HOUR_MS)
    await visit.calls.post(f"/transfers/{transfer_id}/extend", TransferView, request)
    return visit.to(f"transfers/{transfer_id}")


@post("/migrations/{migration_id:str}/pause", status_code=200)
async def pause_migration(visit: OwnVisit, migration_id: Id) -> Redirect:
    """Pause all transfers of a migration that have not settled."""
    await visit.calls.post(f"/migrations/{migration_id}/pause", MigrationView)
    return visit.to(f"migrations/{migration_id}")


@post("/migrations/{migration_id:str}/resume", status_code=200)
async def resume_migration(visit: OwnVisit, migration_id: Id) -> Redirect:
    """Resume all paused transfers of a migration."""
    await visit.calls.post(f"/migrations/{migration_id}/resume", MigrationView)
    return visit.to(f"migrations/{migration_id}")


PAUSE_PAGES = [
    pause_transfer,
    resume_transfer,
    extend_transfer,
    pause_migration,
    resume_migration,
]
