"""A migration of the notes, on a platform of its own. Run it with `pytest`."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ferryman.testing import assert_settled

HERE = Path(__file__).parent


@pytest.fixture
def notes(tmp_path):
    return tmp_path / "notes.db"


@pytest.fixture
def app(ferryman_platform, notes):
    """The app, installed, on a free port."""
    env = {**os.environ, "FERRYMAN_URL": ferryman_platform.url, "NOTES_DB": str(notes)}
    command = [sys.executable, str(HERE / "app.py"), "0"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as service:
        try:
            url = service.stdout.readline().split()[-1]
            yield ferryman_platform.register(HERE, base_url=url)
        finally:
            service.terminate()


def test_the_notes_arrive_with_the_ids_of_the_cloud(ferryman_platform, app, notes):
    migration = ferryman_platform.run_migration(app, plan=HERE / "plan.toml")
    assert_settled(migration, "SUCCESS", within=60)
    with closing(sqlite3.connect(notes)) as db:
        rows = db.execute("SELECT author, text FROM note ORDER BY id").fetchall()
    assert rows == [
        ("712020:ann", "Mind the tide"),
        ("712020:ben", "Call the pilot"),
        ("712020:ann", "Check the moorings"),
    ]
