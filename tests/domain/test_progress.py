"""The rules of a Connect app's reports."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ferryman.domain import limits
from ferryman.domain import transfer as transfer_rules
from ferryman.domain.progress import ReportedProgress, check_report, record_report
from ferryman.domain.transfer import Change, Transfer
from ferryman.errors import Conflict, Expired, Invalid, Settled
from ferryman.vocab import AppKind, EventType, ReportedStatus, TransferStatus

START = datetime(2026, 1, 12, tzinfo=UTC)
LATER = START + timedelta(hours=3)
RUNNING = ReportedStatus.IN_PROGRESS
ENDS = [status for status in ReportedStatus if status is not RUNNING]


def running(**fields: object) -> Transfer:
    started = transfer_rules.start(Transfer(kind=AppKind.CONNECT), START).transfer
    return replace(started, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "percent", "after"),
    [
        (30, None, 30),
        (30, 0, 30),
        (30, 29, None),
        (30, 1, None),
        (30, 30, 30),
        (30, 31, 31),
        (30, 100, 100),
        (0, 0, 0),
        (1, 1, 1),
    ],
)
def test_percent(before: int, percent: int | None, after: int | None) -> None:
    """Absent or 0 keeps it, a lower one has the whole report ignored."""
    transfer = running(progress=before)
    change = record_report(transfer, ReportedProgress(RUNNING, percent), LATER)
    assert change == (None if after is None else Change(replace(transfer, progress=after)))


@pytest.mark.parametrize("percent", [None, 0, 10, 60, 100])
@pytest.mark.parametrize("status", ENDS)
@pytest.mark.parametrize("cancelled", [False, True])
def test_a_final_status_settles(
    status: ReportedStatus, percent: int | None, cancelled: bool
) -> None:
    """Whatever the percent; SUCCESS makes it 100, the others keep what was reached."""
    transfer = running(progress=50)
    if cancelled:
        transfer = transfer_rules.cancel(transfer, START).transfer
    change = record_report(transfer, ReportedProgress(status, percent), LATER)
    assert change is not None
    assert change.transfer.status == TransferStatus(status)
    assert change.transfer.settled_at == LATER
    assert change.events == (EventType.SETTLED,)
    reached = 100 if status is ReportedStatus.SUCCESS else max(50, percent or 0)
    assert change.transfer.progress == reached


def test_a_cancellation_stays_until_a_final_status() -> None:
    """Progress while cleaning up does not take the cancellation back."""
    transfer = transfer_rules.cancel(running(), START).transfer
    change = record_report(transfer, ReportedProgress(RUNNING, 40), LATER)
    assert change == Change(replace(transfer, progress=40))


@pytest.mark.parametrize("status", [status for status in TransferStatus if status.final])
def test_a_settled_transfer_takes_no_report(status: TransferStatus) -> None:
    """A final state never changes."""
    for said in ReportedStatus:
        with pytest.raises(Settled):
            record_report(running(status=status), ReportedProgress(said), LATER)


def test_after_14_days_it_has_expired() -> None:
    """To the microsecond; one that settled before is settled, not expired."""
    end = START + limits.TRANSFER_LIFE
    late = transfer_rules.wake(running(), end).transfer
    assert late.status is TransferStatus.TIMED_OUT
    with pytest.raises(Expired, match="transfer_expired"):
        record_report(late, ReportedProgress(RUNNING), end)
    with pytest.raises(Settled):
        record_report(running(status=TransferStatus.FAILED), ReportedProgress(RUNNING), end)
    assert (
        record_report(running(), ReportedProgress(RUNNING), end - timedelta(microseconds=1))
        is not None
    )


def test_before_the_start_there_is_nothing_to_report() -> None:
    with pytest.raises(Conflict, match="transfer_not_started"):
        record_report(Transfer(kind=AppKind.CONNECT), ReportedProgress(RUNNING), START)


@pytest.mark.parametrize("percent", [-1, 101, 10**40])
def test_percent_out_of_range(percent: int) -> None:
    with pytest.raises(Invalid, match="percent_invalid"):
        check_report(ReportedProgress(RUNNING, percent))


@pytest.mark.parametrize("percent", [None, 0, 1, 99, 100])
def test_percent_within_range(percent: int | None) -> None:
    report = ReportedProgress(RUNNING, percent, "on the way")
    assert check_report(report) == report


@pytest.mark.parametrize("over", [0, 1, 1000])
def test_a_long_message_is_cut(over: int) -> None:
    """At 65,536 characters, and the suffix says so."""
    text = "ü" * 65_536
    taken = check_report(ReportedProgress(RUNNING, None, text + "x" * over)).message
    assert taken == text + ("<truncated, message too large>" if over else "")
