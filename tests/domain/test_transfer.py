"""The rules of a transfer, edge by edge."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ferryman.domain import export as export_rules
from ferryman.domain import lifetime, limits
from ferryman.domain import transfer as transfer_rules
from ferryman.domain.transfer import Change, Transfer
from ferryman.errors import Conflict, Settled
from ferryman.vocab import AckStatus, AppKind, EventType, TransferStatus

START = datetime(2026, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
FINAL = [status for status in TransferStatus if status.final]

Command = Callable[[Transfer, datetime], Change]

COMMANDS: dict[str, Command] = {
    "extend_deadline": export_rules.extend_deadline,
    "record_upload": export_rules.record_upload,
    "complete_export": export_rules.complete_export,
    "record_error": export_rules.record_error,
    "record_return": export_rules.record_return,
    "acknowledge": lambda t, now: transfer_rules.acknowledge(t, AckStatus.SUCCESS, 1, now),
    "cancel": transfer_rules.cancel,
}
# What a READY transfer, or one being cancelled, takes too.
ANY_COMMAND = COMMANDS | {"give_up_file": export_rules.give_up_file}


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def running(**fields: object) -> Transfer:
    return replace(transfer_rules.start(Transfer(), START).transfer, **fields)  # type: ignore[arg-type]


def uploaded(count: int, **fields: object) -> Transfer:
    transfer = running(**fields)
    for _ in range(count):
        transfer = export_rules.record_upload(transfer, START).transfer
    return transfer


def test_start_runs_the_clock_and_tells_the_app() -> None:
    change = transfer_rules.start(Transfer(), START)
    assert change.transfer.status is TransferStatus.IN_PROGRESS
    assert change.transfer.started_at == START
    assert change.transfer.progress == 1
    assert change.events == (EventType.TRIGGERED,)


@pytest.mark.parametrize("status", [s for s in TransferStatus if s is not TransferStatus.READY])
def test_starting_again_changes_nothing(status: TransferStatus) -> None:
    transfer = replace(Transfer(), status=status)
    assert transfer_rules.start(transfer, START) == Change(transfer)


@pytest.mark.parametrize(
    ("upload", "success", "expected", "cause"),
    [
        (None, None, 15, "start"),
        (1, None, 16, "upload"),
        (None, 1, 16, "acknowledgement"),
        (12, 10, 27, "upload"),
        (22, 32, 47, "acknowledgement"),
        (0, None, 15, "upload"),
    ],
)
def test_deadline_is_the_latest_move_and_the_window(
    upload: int | None, success: int | None, expected: int, cause: str
) -> None:
    transfer = running(
        last_upload_at=None if upload is None else minute(upload),
        last_success_at=None if success is None else minute(success),
    )
    found = transfer_rules.deadline(transfer)
    assert found is not None
    assert found.at == minute(expected)
    assert found.moved_by == cause


def test_no_deadline_before_the_start() -> None:
    assert transfer_rules.deadline(Transfer()) is None
    assert transfer_rules.next_wake(Transfer()) is None
    assert lifetime.expires_at(Transfer()) is None
    assert lifetime.data_readable_until(Transfer()) is None


def test_window_of_the_app_counts() -> None:
    found = transfer_rules.deadline(running(window=timedelta(hours=2)))
    assert found is not None
    assert found.at == START + timedelta(hours=2)


@pytest.mark.parametrize("command", ["complete_export", "record_error", "failed"])
def test_what_does_not_move_the_deadline(command: str) -> None:
    transfer = uploaded(2)
    before = transfer_rules.deadline(transfer)
    if command == "failed":
        after = transfer_rules.acknowledge(transfer, AckStatus.FAILED, 1, minute(5)).transfer
    else:
        after = COMMANDS[command](transfer, minute(5)).transfer
    assert transfer_rules.deadline(after) == before


@pytest.mark.parametrize("command", ["extend_deadline", "record_upload", "acknowledge"])
def test_what_moves_the_deadline(command: str) -> None:
    after = COMMANDS[command](uploaded(2), minute(5)).transfer
    found = transfer_rules.deadline(after)
    assert found is not None
    assert found.at == minute(20)


@pytest.mark.parametrize(
    ("succeeded", "failed", "errored", "expected"),
    [
        (0, 0, False, TransferStatus.SUCCESS),
        (3, 0, False, TransferStatus.SUCCESS),
        (0, 3, False, TransferStatus.FAILED),
        (2, 1, False, TransferStatus.INCOMPLETE),
        (0, 0, True, TransferStatus.FAILED),
        (3, 0, True, TransferStatus.INCOMPLETE),
        (0, 1, True, TransferStatus.FAILED),
    ],
)
def test_outcome_by_acknowledgements(
    succeeded: int, failed: int, errored: bool, expected: TransferStatus
) -> None:
    transfer = uploaded(succeeded + failed, listener_errored=errored)
    transfer = export_rules.complete_export(transfer, START).transfer
    if not succeeded + failed:
        assert transfer.status is expected
    if succeeded:
        transfer = transfer_rules.acknowledge(
            transfer, AckStatus.SUCCESS, succeeded, minute(1)
        ).transfer
    if failed:
        transfer = transfer_rules.acknowledge(
            transfer, AckStatus.FAILED, failed, minute(2)
        ).transfer
    assert transfer.status is expected
    assert transfer.settled_at is not None
    assert (transfer.progress == 100) is (expected is TransferStatus.SUCCESS)


def test_no_file_at_all_is_success_at_once() -> None:
    change = export_rules.complete_export(running(), minute(1))
    assert change.transfer.status is TransferStatus.SUCCESS
    assert change.transfer.settled_at == minute(1)
    assert change.events == (EventType.EXPORTED, EventType.SETTLED)


def test_export_complete_with_outstanding_messages_goes_on() -> None:
    change = export_rules.complete_export(uploaded(1), minute(1))
    assert change.transfer.status is TransferStatus.IN_PROGRESS
    assert change.events == (EventType.EXPORTED,)


def test_completing_the_export_twice_is_harmless() -> None:
    once = export_rules.complete_export(uploaded(1), minute(1)).transfer
    assert export_rules.complete_export(once, minute(2)) == Change(once)
    settled = export_rules.complete_export(running(), minute(1)).transfer
    assert export_rules.complete_export(settled, minute(2)) == Change(settled)


def test_all_acknowledged_before_the_export_is_complete_goes_on() -> None:
    change = transfer_rules.acknowledge(uploaded(1), AckStatus.SUCCESS, 1, minute(1))
    assert change.transfer.status is TransferStatus.IN_PROGRESS
    done = export_rules.complete_export(change.transfer, minute(2))
    assert done.transfer.status is TransferStatus.SUCCESS
    assert done.events == (EventType.EXPORTED, EventType.SETTLED)


def test_uploading_after_the_export_is_allowed_until_settled() -> None:
    exported = export_rules.complete_export(uploaded(1), minute(1)).transfer
    more = export_rules.record_upload(exported, minute(2)).transfer
    half = transfer_rules.acknowledge(more, AckStatus.SUCCESS, 1, minute(3)).transfer
    assert half.status is TransferStatus.IN_PROGRESS
    assert transfer_rules.acknowledge(half, AckStatus.SUCCESS, 1, minute(4)).transfer.status.final


@pytest.mark.parametrize(
    ("transfer", "due", "expected"),
    [
        (uploaded(1), minute(15), TransferStatus.TIMED_OUT),
        (
            export_rules.complete_export(uploaded(1), minute(1)).transfer,
            minute(15),
            TransferStatus.TIMED_OUT,
        ),
        # Neither a file nor a word of the listener.
        (running(), minute(15), TransferStatus.TIMED_OUT),
        (running(heartbeats=True), minute(15), TransferStatus.TIMED_OUT),
        # It came back, and there was nothing to export.
        (
            export_rules.record_return(running(), minute(1)).transfer,
            minute(15),
            TransferStatus.SUCCESS,
        ),
        (running(listener_errored=True), minute(15), TransferStatus.FAILED),
        (running(listener_errored=True, unfinished=2), minute(15), TransferStatus.FAILED),
        (
            uploaded(1, succeeded=1, listener_errored=True, unfinished=1),
            minute(15),
            TransferStatus.INCOMPLETE,
        ),
        # A plain client that reports nothing, as in the documents.
        (uploaded(1, succeeded=1), minute(15), TransferStatus.SUCCESS),
        # A listener that was seen at work and never came back.
        (uploaded(1, succeeded=1, heartbeats=True), minute(15), TransferStatus.TIMED_OUT),
        (
            export_rules.record_return(
                uploaded(1, succeeded=1, heartbeats=True), minute(2)
            ).transfer,
            minute(15),
            TransferStatus.SUCCESS,
        ),
        # Files that were begun are missing.
        (uploaded(1, succeeded=1, unfinished=1), minute(15), TransferStatus.TIMED_OUT),
        (
            export_rules.record_return(running(unfinished=1), minute(2)).transfer,
            minute(15),
            TransferStatus.TIMED_OUT,
        ),
        (
            uploaded(1, succeeded=1, unfinished=1, export_completed_at=minute(1)),
            minute(15),
            TransferStatus.TIMED_OUT,
        ),
        (
            transfer_rules.acknowledge(uploaded(1), AckStatus.SUCCESS, 1, minute(5)).transfer,
            minute(20),
            TransferStatus.SUCCESS,
        ),
        (
            transfer_rules.acknowledge(uploaded(1), AckStatus.FAILED, 1, minute(5)).transfer,
            minute(15),
            TransferStatus.FAILED,
        ),
        (
            running(window=timedelta(days=20)),
            START + limits.TRANSFER_LIFE,
            TransferStatus.TIMED_OUT,
        ),
        (
            running(window=timedelta(days=20), listener_errored=True),
            START + limits.TRANSFER_LIFE,
            TransferStatus.TIMED_OUT,
        ),
        (
            running(kind=AppKind.CONNECT),
            START + limits.TRANSFER_LIFE,
            TransferStatus.TIMED_OUT,
        ),
        (
            transfer_rules.cancel(uploaded(1), minute(3)).transfer,
            minute(63),
            TransferStatus.CANCELLED,
        ),
    ],
)
def test_what_the_passing_of_time_decides(
    transfer: Transfer, due: datetime, expected: TransferStatus
) -> None:
    assert transfer_rules.next_wake(transfer) == due
    assert transfer_rules.wake(transfer, due - TICK) == Change(transfer)
    change = transfer_rules.wake(transfer, due)
    assert change.transfer.status is expected
    assert change.transfer.settled_at == due
    assert change.events == (EventType.SETTLED,)
    assert transfer_rules.next_wake(change.transfer) is None


def test_completing_the_export_is_refused_while_a_file_is_unfinished() -> None:
    transfer = uploaded(1, unfinished=2)
    with pytest.raises(Conflict, match="export_incomplete") as refused:
        export_rules.complete_export(transfer, minute(1))
    assert "2 unfinished" in refused.value.found


def test_a_file_begun_after_the_export_is_waited_for() -> None:
    done = export_rules.complete_export(uploaded(1), minute(1)).transfer
    begun = replace(done, unfinished=1)
    acknowledged = transfer_rules.acknowledge(begun, AckStatus.SUCCESS, 1, minute(2)).transfer
    assert acknowledged.status is TransferStatus.IN_PROGRESS
    assert export_rules.give_up_file(acknowledged, minute(3)) == Change(acknowledged)
    settled = export_rules.give_up_file(replace(acknowledged, unfinished=0), minute(3)).transfer
    assert settled.status is TransferStatus.SUCCESS


def test_a_decision_that_may_settle_needs_the_count_of_unfinished_files() -> None:
    uncounted = uploaded(1, unfinished=None)
    assert (
        transfer_rules.acknowledge(uncounted, AckStatus.SUCCESS, 1, minute(1)).transfer.succeeded
        == 1
    )
    exported = replace(uncounted, export_completed_at=minute(1))
    with pytest.raises(AssertionError, match="count the unfinished"):
        transfer_rules.acknowledge(exported, AckStatus.SUCCESS, 1, minute(2))


def test_a_return_is_kept_once_and_moves_no_deadline() -> None:
    back = export_rules.record_return(running(), minute(3)).transfer
    assert back.returned_at == minute(3)
    assert export_rules.record_return(back, minute(4)) == Change(back)
    assert transfer_rules.next_wake(back) == minute(15)


def test_cancelling_what_did_not_start_skips_it() -> None:
    change = transfer_rules.cancel(Transfer(), START)
    assert change.transfer.status is TransferStatus.SKIPPED
    assert change.events == ()


def test_cancelling_twice_keeps_the_first_hour() -> None:
    asked = transfer_rules.cancel(running(), minute(5))
    assert asked.events == (EventType.CANCELLATION,)
    assert transfer_rules.cancel(asked.transfer, minute(30)) == Change(asked.transfer)
    assert transfer_rules.next_wake(asked.transfer) == minute(65)


def test_acknowledging_during_clean_up_does_not_settle() -> None:
    asked = transfer_rules.cancel(
        export_rules.complete_export(uploaded(1), minute(1)).transfer, minute(2)
    ).transfer
    change = transfer_rules.acknowledge(asked, AckStatus.SUCCESS, 1, minute(3))
    assert change.transfer.status is TransferStatus.CANCELLATION_REQUESTED
    assert transfer_rules.next_wake(change.transfer) == minute(62)


@pytest.mark.parametrize(
    "command",
    ["extend_deadline", "record_upload", "complete_export", "record_error", "record_return"],
)
def test_exporting_needs_a_transfer_in_progress(command: str) -> None:
    with pytest.raises(Conflict, match="transfer_not_started"):
        COMMANDS[command](Transfer(), START)
    with pytest.raises(Conflict, match="transfer_cancelled"):
        COMMANDS[command](transfer_rules.cancel(running(), START).transfer, START)


@pytest.mark.parametrize("status", FINAL)
@pytest.mark.parametrize("command", sorted(ANY_COMMAND))
def test_a_final_state_takes_no_command(command: str, status: TransferStatus) -> None:
    transfer = replace(uploaded(1), status=status, settled_at=minute(1))
    with pytest.raises(Settled) as refusal:
        ANY_COMMAND[command](transfer, minute(2))
    assert status.value in refusal.value.found


@pytest.mark.parametrize("status", FINAL)
def test_a_final_state_never_wakes(status: TransferStatus) -> None:
    transfer = replace(uploaded(1), status=status, settled_at=minute(1))
    assert transfer_rules.next_wake(transfer) is None
    assert transfer_rules.wake(transfer, START + timedelta(days=400)) == Change(transfer)


def test_a_repeated_report_of_an_error_changes_nothing() -> None:
    transfer = running(listener_errored=True)
    assert export_rules.record_error(transfer, minute(2)) == Change(transfer)


@pytest.mark.parametrize(
    ("last", "needed"),
    [
        (None, True),
        (START, True),
        (START + TICK, False),
        (START + timedelta(seconds=1), False),
    ],
)
def test_bytes_in_transit_move_the_deadline_each_second(
    last: datetime | None, needed: bool
) -> None:
    transfer = running(last_upload_at=last)
    assert export_rules.needs_touch(transfer, START + timedelta(seconds=1)) is needed


@pytest.mark.parametrize(
    ("exported", "files", "acknowledged", "expected"),
    [
        (False, 0, 0, 1),
        (False, 1, 0, 1),
        (False, 2, 1, 40),
        (False, 1, 1, 80),
        (True, 2, 1, 49),
        (True, 1000, 999, 98),
        (True, 100, 1, 1),
    ],
)
def test_progress(exported: bool, files: int, acknowledged: int, expected: int) -> None:
    transfer = uploaded(files)
    if exported:
        transfer = export_rules.complete_export(transfer, START).transfer
    if acknowledged:
        change = transfer_rules.acknowledge(transfer, AckStatus.SUCCESS, acknowledged, minute(1))
        transfer = change.transfer
    assert transfer.progress == expected


def test_progress_does_not_fall_when_more_files_come() -> None:
    transfer = transfer_rules.acknowledge(uploaded(1), AckStatus.SUCCESS, 1, minute(1)).transfer
    assert transfer.progress == 80
    for _ in range(9):
        transfer = export_rules.record_upload(transfer, minute(2)).transfer
    assert transfer.progress == 80


RERUNNABLE = (TransferStatus.FAILED, TransferStatus.INCOMPLETE, TransferStatus.TIMED_OUT)


@pytest.mark.parametrize("status", RERUNNABLE)
def test_a_rerun_is_possible_for_twelve_days(status: TransferStatus) -> None:
    transfer = replace(running(), status=status)
    last = START + limits.RERUN_WINDOW - TICK
    export_rules.check_rerun(transfer, START, last)
    with pytest.raises(Conflict, match="rerun_window_over"):
        export_rules.check_rerun(transfer, START, last + TICK)
    export_rules.check_rerun(transfer, None, last + TICK)


@pytest.mark.parametrize(
    "status",
    [s for s in TransferStatus if s not in RERUNNABLE],
)
def test_no_rerun_of_anything_else(status: TransferStatus) -> None:
    with pytest.raises(Conflict, match="rerun_not_possible"):
        export_rules.check_rerun(replace(running(), status=status), START, START)
