"""A migration of the notes, on a platform of its own. Run it with `pytest`."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ferryman.testing import assert_settled

HERE = Path(__file__).parent


@pytest.fixture
def app(ferryman_platform, tmp_path):
    """The app in a copy of its folder, which has no notes yet."""
    folder = tmp_path / "example-notes"
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("notes.db", ".*"))
    ferryman_platform.register(folder)
    return folder


def test_the_notes_arrive_with_the_ids_of_the_cloud(ferryman_platform, app):
    migration = ferryman_platform.run_migration(plan=app / "plan.toml")
    assert_settled(migration, "SUCCESS")
    assert migration.logs == ["3 notes imported"]
    with closing(sqlite3.connect(app / "notes.db")) as db:
        notes = db.execute("SELECT author, text FROM note ORDER BY id").fetchall()
    assert notes == [
        ("712020:ann", "Mind the tide"),
        ("712020:ben", "Call the pilot"),
        ("712020:ann", "Check the moorings"),
    ]
