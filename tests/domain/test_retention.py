"""What is kept and what goes, edge by edge."""

from datetime import UTC, datetime, timedelta

import pytest

from ferryman.domain.retention import (
    Fate,
    Record,
    Retention,
    due,
    fate_of_file,
    fate_of_upload,
)

DAY = timedelta(days=1)
CHOSEN = Retention(files=3 * DAY, unfinished=DAY)


def record(state: str, *, is_file: bool = False, deleted: bool = False) -> Record:
    return Record(upload_ref="ref", upload_state=state, is_file=is_file, deleted=deleted)


def test_the_hour_of_the_last_url_is_waited_for() -> None:
    """Nobody can be reading a file that goes."""
    now = datetime(2026, 1, 20, tzinfo=UTC)
    over = due(now, CHOSEN)
    assert over.started_before == datetime(2026, 1, 7, 23, tzinfo=UTC)
    assert over.settled_before == datetime(2026, 1, 16, 23, tzinfo=UTC)
    assert over.closed_before == datetime(2026, 1, 19, tzinfo=UTC)


@pytest.mark.parametrize(
    ("known", "fate"),
    [
        (None, Fate.REPORT),
        (record("OPEN"), Fate.KEEP),
        (record("ABORTED"), Fate.REMOVE),
        (record("COMPLETED", is_file=True), Fate.KEEP),
        (record("COMPLETED", is_file=True, deleted=True), Fate.REMOVE),
        # A row that contradicts itself is no reason to delete anything.
        (record("COMPLETED"), Fate.KEEP),
        (record("ABORTED", is_file=True), Fate.KEEP),
    ],
)
def test_of_files(known: Record | None, fate: Fate) -> None:
    """Nothing that a row refers to goes."""
    assert fate_of_file(known) is fate


@pytest.mark.parametrize(
    ("known", "ref", "age", "fate"),
    [
        (None, "ref", DAY - timedelta(seconds=1), Fate.KEEP),
        (None, "ref", DAY, Fate.REMOVE),
        (record("OPEN"), "other", DAY, Fate.REMOVE),
        (record("OPEN"), "other", timedelta(0), Fate.KEEP),
        (record("OPEN"), "ref", 100 * DAY, Fate.KEEP),
        (record("COMPLETED", is_file=True), "ref", 100 * DAY, Fate.KEEP),
        (record("ABORTED"), "ref", timedelta(0), Fate.REMOVE),
    ],
)
def test_of_uploads(known: Record | None, ref: str, age: timedelta, fate: Fate) -> None:
    """One that a row waits for stays, however old."""
    assert fate_of_upload(known, ref, age=age, retention=CHOSEN) is fate
