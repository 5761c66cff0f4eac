"""What a snapshot of a transfer says of its own times."""

from dataclasses import replace
from datetime import datetime

import pytest

from ferryman.domain.transfer import Transfer
from ferryman.vocab import TransferStatus
from tests.domain.transfer_snapshots import CONNECT, NEW, RUNNING, ended, minute, snapshot


@pytest.mark.parametrize(
    ("transfer", "now", "gone"),
    [
        (NEW, 2, 0),
        (CONNECT, 2, 0),
        (RUNNING, 0, 0),
        (RUNNING, 3.75, 0.25),
        (RUNNING, 15, 1),
        (RUNNING, 30, 1),
        (replace(RUNNING, last_upload_at=minute(10)), 2, 0),
        (ended(TransferStatus.TIMED_OUT, at=6), 14, 0.4),
    ],
)
def test_how_much_of_the_window_is_over(transfer: Transfer, now: float, gone: float) -> None:
    assert snapshot(transfer, now=minute(now)).window_gone == pytest.approx(gone)


@pytest.mark.parametrize(
    ("exported", "settled", "by_deadline"),
    [(None, 15, False), (minute(14), 14, False), (minute(14), 15, False), (minute(15), 15, True)],
)
def test_whether_the_deadline_ended_the_export(
    exported: datetime | None, settled: float, by_deadline: bool
) -> None:
    run = replace(RUNNING, export_completed_at=exported)
    transfer = ended(TransferStatus.SUCCESS, run, settled)
    assert snapshot(transfer).export_by_deadline is by_deadline
    assert not snapshot(RUNNING, now=minute(30)).export_by_deadline
