"""Tests of an app as its developer would write them; `tests/plugin/test_plugin.py` runs them."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from ferryman.testing import TestApp, TestMigration, TestPlatform, assert_settled

HERE = Path(__file__).parent


@pytest.mark.ferryman_migration(
    files="python/export", mappings="python/mappings.csv", containers=["JiraProject:HAR:Harbour"]
)
def test_a_migration_that_is_declared(ferryman_migration: TestMigration) -> None:
    assert_settled(ferryman_migration, "SUCCESS")
    assert ferryman_migration.logs == ["ann is 712020:ann"] * 2
    assert ferryman_migration.output == "got notes\ngot notes\n"
    assert ferryman_migration.view.files == 2


def test_time_is_moved_by_the_test_alone(
    ferryman_platform: TestPlatform, ferryman_app: TestApp
) -> None:
    migration = ferryman_platform.run_migration(files={"silent.txt": "a"})
    before = ferryman_platform.now
    assert ferryman_platform.advance("14m") == before + timedelta(minutes=14)
    assert migration.status == "IN_PROGRESS"
    ferryman_platform.advance(60)
    assert_settled(migration, "TIMED_OUT")


def test_retries_are_a_matter_of_time(
    ferryman_platform: TestPlatform, ferryman_app: TestApp
) -> None:
    migration = ferryman_platform.run_migration(
        ferryman_app, files={"a/flawed.txt": b"a", "b/2.txt": ""}, labels={"a/*": "flawed"}
    )
    counts = {message.label: len(message.attempts) for message in migration.messages}
    assert counts.pop("flawed") == 1
    assert migration.settle() == "TIMED_OUT"
    [flawed] = [message for message in migration.messages if message.label == "flawed"]
    assert len(flawed.attempts) == 5
    assert flawed.state == "UNDELIVERED"
    assert migration.logs == ["ann is None"]


def test_a_handler_that_fails_late_fails_the_test(
    ferryman_platform: TestPlatform, ferryman_app: TestApp
) -> None:
    migration = ferryman_platform.run_migration(ferryman_app, files={"late.txt": "a"})
    with pytest.raises(AssertionError, match="1 attempt failed after its message was ack") as said:
        assert_settled(migration)
    assert "allow_failed_attempts=True" in str(said.value)
    assert_settled(migration, allow_failed_attempts=True)
    migration = ferryman_platform.run_migration(ferryman_app, files={"silent.txt": "a"})
    with pytest.raises(AssertionError, match="x acknowledgement: function migration-fn returned"):
        assert_settled(migration)


def test_what_is_named_is_sent(
    ferryman_platform: TestPlatform, ferryman_app: TestApp, tmp_path: Path
) -> None:
    """Whatever its name; what of a folder is not sent is a warning."""
    files = {".env": "x", "../up.txt": "y", "a": "1", "a/b.txt": "2"}
    migration = ferryman_platform.run_migration(ferryman_app, files=files)
    assert [each.label for each in migration.messages] == ["..", ".env", "a", "a"]
    (tmp_path / ".part").write_text("x")
    (tmp_path / "a.txt").write_text("x")
    with pytest.warns(UserWarning, match=r"not sent: 1 .*: \.part"):
        ferryman_platform.run_migration(ferryman_app, files=tmp_path)


def test_of_two_versions_the_one_that_is_asked_for_runs(
    ferryman_platform: TestPlatform, tmp_path: Path
) -> None:
    """Their keys are the same, so registering one takes the place of the other."""
    for version in ("one", "two"):
        folder = tmp_path / version / "versioned"
        shutil.copytree(HERE / "python", folder)
        (folder / "index.py").write_text(f"def run(event, context):\n    print({version!r})\n")
    outputs = []
    for version in ("one", "two", "one", "one"):
        app = ferryman_platform.app(tmp_path / version / "versioned", {})
        outputs.append(ferryman_platform.run_migration(app, files={"a.txt": ""}).output)
    assert outputs == ["one\n", "two\n", "one\n", "one\n"]


@pytest.mark.ferryman_migration(files={"flawed.txt": "a"})
def test_to_fail(ferryman_migration: TestMigration) -> None:
    assert_settled(ferryman_migration, "SUCCESS")


def test_to_fail_too(ferryman_migration: TestMigration) -> None:
    """The marker is missing."""
