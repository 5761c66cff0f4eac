"""When a transfer needs somebody's attention."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ferryman.domain.attention import is_stalled, is_unclaimed, overdue_share
from ferryman.domain.export import record_upload
from ferryman.domain.transfer import Transfer, start
from ferryman.vocab import TransferStatus as Status

START = datetime(2026, 1, 12, tzinfo=UTC)
RUNNING = start(Transfer(), START).transfer


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


@pytest.mark.parametrize(
    ("at", "share", "stalled"),
    [
        (-3, 0.0, False),  # the clocks of two machines differ
        (0, 0.0, False),
        (3, 0.2, False),
        (7.5, 0.5, False),
        (7.6, 7.6 / 15, True),
        (15, 1.0, True),
        (60, 1.0, True),
    ],
)
def test_the_window_of_a_transfer_passes(at: float, share: float, stalled: bool) -> None:
    assert overdue_share(RUNNING, minute(at)) == pytest.approx(share)
    assert is_stalled(RUNNING, minute(at)) is stalled


def test_an_upload_begins_the_window_again() -> None:
    uploaded = record_upload(RUNNING, minute(10)).transfer
    assert overdue_share(uploaded, minute(13)) == pytest.approx(0.2)


@pytest.mark.parametrize("status", [each for each in Status if each is not Status.IN_PROGRESS])
def test_no_deadline_runs_unless_a_transfer_does(status: Status) -> None:
    transfer = replace(RUNNING, status=status)
    assert overdue_share(transfer, minute(14)) is None
    assert not is_stalled(transfer, minute(14))


WAITING = {"released_at": START, "claims": 0, "waits": False, "now": minute(2)}


@pytest.mark.parametrize(
    ("changed", "unclaimed"),
    [
        ({}, True),
        ({"now": minute(1)}, False),
        ({"now": minute(1) + timedelta(microseconds=1)}, True),
        ({"released_at": None}, False),
        ({"claims": 1}, False),
        ({"waits": True}, False),
    ],
)
def test_what_is_offered_for_a_minute_is_unclaimed(
    changed: dict[str, object], unclaimed: bool
) -> None:
    facts = WAITING | changed
    assert is_unclaimed(Transfer(), **facts) is unclaimed  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [each for each in Status if each is not Status.READY])
def test_what_began_or_ended_is_not_unclaimed(status: Status) -> None:
    assert not is_unclaimed(replace(Transfer(), status=status), **WAITING)  # type: ignore[arg-type]
