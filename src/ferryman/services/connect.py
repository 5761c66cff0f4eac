"""What only Connect apps do: register webhooks, report progress, leave feedback, look back."""

from urllib.parse import urlsplit

import msgspec

from ferryman.domain.limits import RECENT_TRANSFERS, WEBHOOKS
from ferryman.domain.progress import Report, check_report, record_report
from ferryman.domain.transfer import check_live
from ferryman.errors import Invalid, LimitExceeded, not_found
from ferryman.services import transfer as transfer_service
from ferryman.services.decision import apply
from ferryman.services.delivery import redefined
from ferryman.services.event import connect_details
from ferryman.services.platform import Platform, check_json, check_text
from ferryman.store import app as apps
from ferryman.store import timeline
from ferryman.store import transfer as transfers
from ferryman.store.app import App
from ferryman.wire.connect import Feedback, ProgressReport, RecentTransfer
from ferryman.wire.listener import ListenerError

_URL_CHARACTERS = 2_048


async def set_webhooks(platform: Platform, app: App, endpoints: list[str]) -> list[str]:
    """Replace the app's addresses, all of them; what it has from now on."""
    if len(endpoints) > WEBHOOKS:
        raise LimitExceeded(
            "too_many_webhooks",
            expected=f"at most {WEBHOOKS} endpoints",
            found=str(len(endpoints)),
            fix="Register fewer; a call replaces all that were there.",
        )
    for endpoint in endpoints:
        _check_endpoint(endpoint)
    kept = list(dict.fromkeys(endpoints))
    async with platform.database.transaction() as tx:
        await apps.set_webhooks(tx, app.app_id, kept)
        await redefined(tx, app.app_id)
    return kept


async def report(
    platform: Platform, app: App, transfer_id: str, said: ProgressReport
) -> ProgressReport:
    """The app reports its progress, or that it is at an end; the report as it was taken."""
    taken = check_report(Report(said.status, said.percent, said.message))
    text = taken.message or ""
    check_text("message", text, longest=len(text))
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_own(tx, app, transfer_id)
        change = record_report(stored.state, taken, tx.now)
        if change is not None:
            await timeline.write(
                tx,
                stored.transfer_id,
                "progress.reported",
                status=taken.status,
                percent=taken.percent,
                message=taken.message,
            )
            if taken.message is not None:
                await transfers.set_status_message(tx, stored.transfer_id, taken.message)
            await apply(tx, stored, change)
        else:
            await timeline.write(
                tx,
                stored.transfer_id,
                "progress.ignored",
                percent=taken.percent,
                progress=stored.state.progress,
            )
    return ProgressReport(status=taken.status, percent=taken.percent, message=taken.message)


async def leave_feedback(
    platform: Platform, app: App, transfer_id: str, feedback: Feedback
) -> None:
    """Something for the server app to read; it replaces what was there."""
    check_json("details", feedback.details)
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_own(tx, app, transfer_id)
        check_live(stored.state, "leaving feedback")
        await transfers.set_feedback(tx, stored.transfer_id, feedback.details)
        await timeline.write(tx, stored.transfer_id, "feedback.left")


async def listener_error(platform: Platform, app: App, transfer_id: str) -> ListenerError:
    """What the listener threw."""
    async with platform.database.transaction() as tx:
        stored = await transfer_service.load_live(tx, app, transfer_id, "reading its error")
    if stored.listener_error is None:
        raise not_found("listener error", transfer_id)
    return msgspec.convert(stored.listener_error, ListenerError)


async def recent(platform: Platform, app: App) -> list[RecentTransfer]:
    """The app's running transfers, newest first."""
    async with platform.database.transaction() as tx:
        found = await transfers.recent(tx, app.app_id, RECENT_TRANSFERS)
    return [
        RecentTransfer(
            migration_details=connect_details(stored.details),
            transfer_id=str(stored.transfer_id),
            status=stored.state.status,
        )
        for stored in found
    ]


def _check_endpoint(endpoint: str) -> None:
    check_text("endpoint", endpoint, longest=_URL_CHARACTERS)
    try:
        parts = urlsplit(endpoint)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        # Credentials in the address would stand against the token in the header.
        good = whole and "@" not in parts.netloc and endpoint.isascii()
    except ValueError:
        good = False
    if not good or any(c.isspace() or not c.isprintable() or c == "\\" for c in endpoint):
        raise Invalid(
            "endpoint_invalid",
            expected="an absolute http or https URL of ASCII characters, without credentials",
            found=repr(endpoint[:200]),
            fix="Write the whole address, as https://app.example/migration.",
        )
