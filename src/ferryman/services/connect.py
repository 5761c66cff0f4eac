"""Calls of Connect apps only: webhooks, progress, feedback and recent transfers."""

from urllib.parse import urlsplit

import msgspec

from ferryman import refusals
from ferryman.domain.limits import RECENT_TRANSFERS, WEBHOOKS
from ferryman.domain.progress import ReportedProgress, check_report, record_report
from ferryman.domain.transfer import check_live
from ferryman.services import transfer as transfer_service
from ferryman.services.changes import apply
from ferryman.services.delivery import on_definition_changed
from ferryman.services.event import connect_details
from ferryman.services.platform import Platform, check_json, check_text
from ferryman.store import app as app_store
from ferryman.store import timeline as timeline_store
from ferryman.store import transfer as transfer_store
from ferryman.store.app import AppRow
from ferryman.wire.connect import Feedback, ProgressReport, RecentTransfer
from ferryman.wire.message import TransferError

_URL_CHARACTERS = 2_048


async def set_webhooks(platform: Platform, app: AppRow, endpoints: list[str]) -> list[str]:
    """Replace all webhook URLs of an app, and return them without duplicates."""
    if len(endpoints) > WEBHOOKS:
        raise refusals.app.TOO_MANY_WEBHOOKS(limit=WEBHOOKS, count=len(endpoints))
    for endpoint in endpoints:
        _check_endpoint(endpoint)
    kept = list(dict.fromkeys(endpoints))
    async with platform.database.transaction() as tx:
        await app_store.set_webhooks(tx, app.app_id, kept)
        await on_definition_changed(tx, app.app_id)
    return kept


async def report(
    platform: Platform, app: AppRow, transfer_id: str, reported: ProgressReport
) -> ProgressReport:
    """Record the progress or final status that an app reports; return the report as accepted."""
    taken = check_report(ReportedProgress(reported.status, reported.percent, reported.message))
    text = taken.message or ""
    check_text("message", text, longest=len(text))
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_own(tx, app, transfer_id)
        change = record_report(stored.state, taken, tx.now)
        if change is not None:
            await timeline_store.write(
                tx,
                stored.transfer_id,
                "progress.reported",
                status=taken.status,
                percent=taken.percent,
                message=taken.message,
            )
            if taken.message is not None:
                await transfer_store.set_status_message(tx, stored.transfer_id, taken.message)
            await apply(tx, stored, change)
        else:
            await timeline_store.write(
                tx,
                stored.transfer_id,
                "progress.ignored",
                percent=taken.percent,
                progress=stored.state.progress,
            )
    return ProgressReport(status=taken.status, percent=taken.percent, message=taken.message)


async def leave_feedback(
    platform: Platform, app: AppRow, transfer_id: str, feedback: Feedback
) -> None:
    """Store feedback for the server app, replacing any earlier feedback."""
    check_json("details", feedback.details)
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_own(tx, app, transfer_id)
        check_live(stored.state, "leaving feedback")
        await transfer_store.set_feedback(tx, stored.transfer_id, feedback.details)
        await timeline_store.write(tx, stored.transfer_id, "feedback.left")


async def listener_error(platform: Platform, app: AppRow, transfer_id: str) -> TransferError:
    """Return the error that the listener threw."""
    async with platform.database.transaction() as tx:
        stored = await transfer_service.load_live(tx, app, transfer_id, "reading its error")
    if stored.listener_error is None:
        raise refusals.transfer.LISTENER_ERROR_NOT_FOUND(id=transfer_id)
    return msgspec.convert(stored.listener_error, TransferError)


async def recent(platform: Platform, app: AppRow) -> list[RecentTransfer]:
    """Return the app's running transfers, newest first."""
    async with platform.database.transaction() as tx:
        transfers = await transfer_store.recent(tx, app.app_id, RECENT_TRANSFERS)
    return [
        RecentTransfer(
            migration_details=connect_details(stored.details),
            transfer_id=str(stored.transfer_id),
            status=stored.state.status,
        )
        for stored in transfers
    ]


def _check_endpoint(endpoint: str) -> None:
    check_text("endpoint", endpoint, longest=_URL_CHARACTERS)
    try:
        parts = urlsplit(endpoint)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        # Credentials in the URL would conflict with the token in the header.
        good = whole and "@" not in parts.netloc and endpoint.isascii()
    except ValueError:
        good = False
    if not good or any(c.isspace() or not c.isprintable() or c == "\\" for c in endpoint):
        raise refusals.app.ENDPOINT_INVALID(endpoint=endpoint)
