"""What a Connect app's report of its progress does to a transfer (connect-rest, Status API)."""

from dataclasses import dataclass, replace
from datetime import datetime

from ferryman.domain.limits import PROGRESS_CHARACTERS
from ferryman.domain.transfer import Change, Transfer, check_live, expires_at, settle
from ferryman.errors import Conflict, Expired, Invalid
from ferryman.vocab import ReportedStatus, TransferStatus

_CUT = "<truncated, message too large>"


@dataclass(frozen=True, slots=True)
class Report:
    """What the app says; percent absent or 0 means that it is as it was."""

    status: ReportedStatus
    percent: int | None = None
    message: str | None = None


def check_report(report: Report) -> Report:
    """The report as it is taken: a percent from 0 to 100, a message that is cut to its limit."""
    if report.percent is not None and not 0 <= report.percent <= 100:
        raise Invalid(
            "percent_invalid",
            expected="a percent from 0 to 100",
            found=str(report.percent)[:32],
            fix="Leave it out, or send 0, to keep the last one.",
        )
    if report.message is None or len(report.message) <= PROGRESS_CHARACTERS:
        return report
    return replace(report, message=report.message[:PROGRESS_CHARACTERS] + _CUT)


def record_report(transfer: Transfer, report: Report, now: datetime) -> Change | None:
    """The report's effect; None for one that is ignored, since its percent would be a step back.

    A final status settles whatever its percent: the end of a transfer must not be lost. While a
    cancellation is asked for the transfer stays in it until a final status comes.
    """
    _check_reporting(transfer, now)
    back = bool(report.percent) and (report.percent or 0) < transfer.progress
    if back and report.status is ReportedStatus.IN_PROGRESS:
        return None
    grown = replace(transfer, progress=max(transfer.progress, report.percent or 0))
    if report.status is ReportedStatus.IN_PROGRESS:
        return Change(grown)
    return settle(grown, TransferStatus(report.status), now)


def _check_reporting(transfer: Transfer, now: datetime) -> None:
    expiry = expires_at(transfer)
    if transfer.status is TransferStatus.TIMED_OUT and expiry is not None and now >= expiry:
        raise Expired(
            "transfer_expired",
            expected="a report within 14 days of the first notification",
            found=f"a transfer that ended at {expiry:%Y-%m-%d %H:%M} UTC",
            fix="Stop reporting; the data has to be migrated again.",
        )
    check_live(transfer, "reporting progress")
    if transfer.status is TransferStatus.READY:
        raise Conflict(
            "transfer_not_started",
            expected="a transfer that has started, for reporting progress",
            found="status READY",
            fix="Wait for the event that the listener was triggered.",
        )
