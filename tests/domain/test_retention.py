"""What is kept and what goes, edge by edge."""

from datetime import UTC, datetime, timedelta

import pytest

from ferryman.domain.retention import (
    CleanupAction,
    Retention,
    StoredKey,
    action_for_file,
    action_for_upload,
    cutoffs,
)

DAY = timedelta(days=1)
CHOSEN = Retention(files=3 * DAY, unfinished=DAY)


def record(state: str, *, is_file: bool = False, deleted: bool = False) -> StoredKey:
    return StoredKey(upload_ref="ref", upload_state=state, is_file=is_file, deleted=deleted)


def test_the_hour_of_the_last_url_is_waited_for() -> None:
    """Nobody can be reading a file that goes."""
    now = datetime(2026, 1, 20, tzinfo=UTC)
    over = cutoffs(now, CHOSEN)
    assert over.started_before == datetime(2026, 1, 7, 23, tzinfo=UTC)
    assert over.settled_before == datetime(2026, 1, 16, 23, tzinfo=UTC)
    assert over.closed_before == datetime(2026, 1, 19, tzinfo=UTC)


@pytest.mark.parametrize(
    ("known", "fate"),
    [
        (None, CleanupAction.REPORT),
        (record("OPEN"), CleanupAction.KEEP),
        (record("ABORTED"), CleanupAction.REMOVE),
        (record("COMPLETED", is_file=True), CleanupAction.KEEP),
        (record("COMPLETED", is_file=True, deleted=True), CleanupAction.REMOVE),
        # A row that contradicts itself is no reason to delete anything.
        (record("COMPLETED"), CleanupAction.KEEP),
        (record("ABORTED", is_file=True), CleanupAction.KEEP),
    ],
)
def test_of_files(known: StoredKey | None, fate: CleanupAction) -> None:
    """Nothing that a row refers to goes."""
    assert action_for_file(known) is fate


@pytest.mark.parametrize(
    ("known", "ref", "age", "fate"),
    [
        (None, "ref", DAY - timedelta(seconds=1), CleanupAction.KEEP),
        (None, "ref", DAY, CleanupAction.REMOVE),
        (record("OPEN"), "other", DAY, CleanupAction.REMOVE),
        (record("OPEN"), "other", timedelta(0), CleanupAction.KEEP),
        (record("OPEN"), "ref", 100 * DAY, CleanupAction.KEEP),
        (record("COMPLETED", is_file=True), "ref", 100 * DAY, CleanupAction.KEEP),
        (record("ABORTED"), "ref", timedelta(0), CleanupAction.REMOVE),
    ],
)
def test_of_uploads(known: StoredKey | None, ref: str, age: timedelta, fate: CleanupAction) -> None:
    """One that a row waits for stays, however old."""
    assert action_for_upload(known, ref, age=age, retention=CHOSEN) is fate
