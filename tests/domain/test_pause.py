"""Pausing, resuming and extending a transfer, edge by edge."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ferryman.domain import attention, lifetime, limits
from ferryman.domain import export as export_rules
from ferryman.domain import pause as rules
from ferryman.domain import transfer as transfer_rules
from ferryman.domain.transfer import Change, Deadline, Transfer
from ferryman.errors import Conflict, Invalid, Settled
from ferryman.vocab import AckStatus, AppKind, EventType, TransferStatus

START = datetime(2026, 1, 12, tzinfo=UTC)
FINAL = [status for status in TransferStatus if status.final]
CANCELLING = Transfer(status=TransferStatus.CANCELLATION_REQUESTED, started_at=START)


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def running(**fields: object) -> Transfer:
    return replace(transfer_rules.start(Transfer(), START).transfer, **fields)  # type: ignore[arg-type]


def paused(at: float, **fields: object) -> Transfer:
    return rules.pause(running(**fields), minute(at)).transfer


@pytest.mark.parametrize(
    ("moved", "paused_at", "resumed_at", "deadline"),
    [
        # What was left is left: 10 of the 15 minutes, then all of them, then none.
        ({}, 5, 65, 75),
        ({}, 0, 60, 75),
        ({"last_upload_at": 4}, 10, 100, 109),
        ({"last_upload_at": 4, "last_success_at": 8}, 10, 100, 113),
        # A move during the pause gives the whole window from its end.
        ({"last_upload_at": 40}, 10, 100, 115),
        ({"last_success_at": 40}, 10, 100, 115),
        # What an operator granted before is put off too: 30 - 10 left, and 15.
        ({"granted_at": 30}, 10, 100, 135),
        ({"granted_at": 1}, 10, 100, 106),
    ],
)
def test_the_deadline_stands_still(
    moved: dict[str, int], paused_at: int, resumed_at: int, deadline: int
) -> None:
    times = {name: minute(number) for name, number in moved.items()}
    held = paused(paused_at, **times)
    assert transfer_rules.deadline(held) is None
    assert transfer_rules.next_wake(held) is None
    assert transfer_rules.wake(held, minute(10**5)) == Change(held)
    left = rules.remaining(held)
    assert left is not None
    resumed = rules.resume(held, minute(resumed_at)).transfer
    found = transfer_rules.deadline(resumed)
    assert found is not None
    assert found.at == minute(deadline) == minute(resumed_at) + left
    assert rules.remaining(resumed) is None


def test_the_ends_of_the_life_are_put_off_by_the_pause() -> None:
    resumed = rules.resume(paused(5), START + timedelta(days=20)).transfer
    added = timedelta(days=20, minutes=-5)
    assert lifetime.expires_at(resumed) == START + limits.TRANSFER_LIFE + added
    assert lifetime.data_readable_until(resumed) == START + limits.DATA_LIFE + added
    again = rules.resume(
        rules.pause(resumed, START + timedelta(days=21)).transfer, START + timedelta(days=22)
    ).transfer
    assert again.life_added == added + timedelta(days=1)


def test_what_has_not_started_gains_nothing_by_a_pause() -> None:
    held = rules.pause(Transfer(), START).transfer
    assert rules.remaining(held) is None
    assert rules.resume(held, minute(90)).transfer == Transfer()
    assert not attention.is_unclaimed(
        held, released_at=START, claims=0, waits=False, now=minute(90)
    )


def test_repeating_changes_nothing() -> None:
    held = paused(5)
    assert rules.pause(held, minute(9)) == Change(held)
    resumed = rules.resume(held, minute(60)).transfer
    assert rules.resume(resumed, minute(61)) == Change(resumed)
    extended = rules.extend(resumed, minute(600), minute(61)).transfer
    assert rules.extend(extended, minute(600), minute(62)) == Change(extended)
    assert rules.extend(extended, minute(300), minute(62)) == Change(extended)


def test_it_settles_when_it_is_resumed() -> None:
    held = export_rules.record_upload(paused(5), minute(6)).transfer
    exported = export_rules.complete_export(held, minute(7)).transfer
    done = transfer_rules.acknowledge(exported, AckStatus.SUCCESS, 1, minute(8))
    assert done.transfer.status is TransferStatus.IN_PROGRESS
    change = rules.resume(done.transfer, minute(90))
    assert change.transfer.status is TransferStatus.SUCCESS
    assert change.transfer.settled_at == minute(90)
    assert change.events == (EventType.SETTLED,)


def test_cancelling_ends_a_pause() -> None:
    cancelled = transfer_rules.cancel(paused(5), minute(10))
    assert cancelled.transfer.paused_at is None
    assert cancelled.events == (EventType.CANCELLATION,)
    assert transfer_rules.next_wake(cancelled.transfer) == minute(70)
    ready = rules.pause(Transfer(), START).transfer
    skipped = transfer_rules.cancel(ready, minute(10)).transfer
    assert (skipped.status, skipped.paused_at) == (TransferStatus.SKIPPED, None)


def test_files_live_as_much_longer_however_a_pause_ends() -> None:
    """An app that cleans up after a long pause still reads them."""
    end = START + timedelta(days=20)
    added = timedelta(days=20, minutes=-5)
    cancelled = transfer_rules.cancel(paused(5), end).transfer
    assert lifetime.data_readable_until(cancelled) == START + limits.DATA_LIFE + added
    settled = transfer_rules.settle(paused(5), TransferStatus.FAILED, end).transfer
    assert lifetime.data_readable_until(settled) == START + limits.DATA_LIFE + added
    skipped = transfer_rules.skip(rules.pause(Transfer(), START).transfer, end).transfer
    assert skipped.life_added == timedelta(0)


@pytest.mark.parametrize("status", FINAL)
def test_what_has_settled_takes_none_of_it(status: TransferStatus) -> None:
    over = running(status=status)
    for command in (rules.pause, rules.resume, lambda t, now: rules.extend(t, minute(600), now)):
        with pytest.raises(Settled):
            command(over, minute(5))


@pytest.mark.parametrize(
    ("transfer", "code"),
    [
        (Transfer(), "transfer_not_started"),
        (CANCELLING, "transfer_cancelled"),
        (paused(5), "transfer_paused"),
    ],
)
def test_what_does_not_run_is_not_extended(transfer: Transfer, code: str) -> None:
    with pytest.raises(Conflict) as refused:
        rules.extend(transfer, minute(600), minute(6))
    assert refused.value.code == code


def test_what_was_cancelled_is_neither_paused_nor_resumed() -> None:
    for command in (rules.pause, rules.resume):
        with pytest.raises(Conflict) as refused:
            command(CANCELLING, minute(5))
        assert refused.value.code == "transfer_cancelled"


def test_an_extension_moves_all_ends_that_come_earlier() -> None:
    until = START + timedelta(days=13)
    extended = rules.extend(running(), until, minute(5)).transfer
    assert transfer_rules.deadline(extended) == Deadline(until, "operator")
    assert lifetime.data_readable_until(extended) == until
    assert lifetime.expires_at(extended) == until + timedelta(days=2)
    # Whatever moves the deadline later still does.
    moved = export_rules.record_upload(extended, until).transfer
    assert transfer_rules.deadline(moved) == Deadline(until + moved.window, "upload")
    assert not attention.is_stalled(extended, START + timedelta(days=12))


def test_a_short_extension_leaves_the_life_alone() -> None:
    extended = rules.extend(running(), minute(60), minute(5)).transfer
    assert extended.life_added == timedelta(0)
    assert transfer_rules.deadline(extended) == Deadline(minute(60), "operator")


def test_the_life_of_a_connect_transfer_is_extended() -> None:
    until = START + timedelta(days=20)
    extended = rules.extend(running(kind=AppKind.CONNECT), until, minute(5)).transfer
    due = transfer_rules.next_wake(extended)
    assert due is not None
    assert due >= until


@pytest.mark.parametrize(
    ("after", "taken"),
    [
        (timedelta(0), False),
        (timedelta(seconds=-1), False),
        (timedelta(seconds=1), True),
        (limits.LONGEST_EXTENSION, True),
        (limits.LONGEST_EXTENSION + timedelta(seconds=1), False),
    ],
)
def test_an_extension_ends_in_the_next_thirty_days(after: timedelta, *, taken: bool) -> None:
    if taken:
        rules.extend(running(), minute(5) + after, minute(5))
        return
    with pytest.raises(Invalid) as refused:
        rules.extend(running(), minute(5) + after, minute(5))
    assert refused.value.code == "extension_invalid"
