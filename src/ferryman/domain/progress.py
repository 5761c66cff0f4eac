"""Apply a Connect app's progress report to a transfer (connect-rest, Status API)."""

from dataclasses import dataclass, replace
from datetime import datetime

from ferryman import refusals
from ferryman.domain.lifetime import expires_at
from ferryman.domain.limits import PROGRESS_CHARACTERS
from ferryman.domain.transfer import Change, Transfer, check_live, settle
from ferryman.vocab import ReportedStatus, TransferStatus

_CUT = "<truncated, message too large>"


@dataclass(frozen=True, slots=True)
class ReportedProgress:
    """An app's report; an absent percent, or 0, leaves the progress unchanged."""

    status: ReportedStatus
    percent: int | None = None
    message: str | None = None


def check_report(report: ReportedProgress) -> ReportedProgress:
    """Validate a report and cut its message to the limit.

    Raises :class:`Invalid` (``percent_invalid``) for a percent outside of 0 to 100.
    """
    if report.percent is not None and not 0 <= report.percent <= 100:
        raise refusals.transfer.PERCENT_INVALID(percent=report.percent)
    if report.message is None or len(report.message) <= PROGRESS_CHARACTERS:
        return report
    return replace(report, message=report.message[:PROGRESS_CHARACTERS] + _CUT)


def record_report(transfer: Transfer, report: ReportedProgress, now: datetime) -> Change | None:
    """Return the effect of a report, or None if it is ignored because its percent goes back.

    A final status settles the transfer whatever its percent, since the end must not be lost. After
    a cancellation request, the transfer keeps that status until a final one is reported.
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
        raise refusals.transfer.EXPIRED(expiry=expiry)
    check_live(transfer, "reporting progress")
    if transfer.status is TransferStatus.READY:
        raise refusals.transfer.NOT_STARTED_FOR_PROGRESS()
