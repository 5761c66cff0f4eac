"""The example apps alone: export into plain files, import from them, compare."""

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest
from compare import compare
from index import batches, import_file
from listener import KINDS, Listener
from mappings import mappings
from project import make
from store import opened
from trac.core import TracError
from trac.env import Environment


class FolderGateway:
    """Keeps each app data file in a folder under its label."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.complete = False

    def create_app_data(self, label: str) -> AbstractContextManager[IO[bytes]]:
        """Open the file to write."""
        return (self.folder / label).open("xb")

    def complete_export(self) -> None:
        """Nothing more will come."""
        self.complete = True


class FolderMigration:
    """The cloud side of the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs: list[str] = []
        rows = map(json.loads, (folder / "mappings.ndjson").read_text().splitlines())
        self.ids = {(row["namespace"], row["serverKey"]): row["cloudKey"] for row in rows}

    def get_app_data_payload(self, key: str) -> IO[bytes]:
        """Open the file to read."""
        return (self.folder / key).open("rb")

    def get_mapping_by_id(self, transfer_id: str, namespace: str, keys: list[str]) -> Any:
        """Answer as the platform does: no key that is not mapped, no more than 100."""
        assert transfer_id == "T1"
        assert 0 < len(set(keys)) == len(keys) <= 100
        known = {key: self.ids[namespace, key] for key in keys if (namespace, key) in self.ids}
        return SimpleNamespace(result=known)

    def add_log(self, transfer_id: str, message: str) -> None:
        """Keep the line."""
        self.logs.append(message)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a Trac project, its mappings and everything that the listener exports."""
    folder = tmp_path_factory.mktemp("migration")
    make(folder / "trac")
    env = Environment(str(folder / "trac"))
    (folder / "mappings.ndjson").write_text("\n".join(map(json.dumps, mappings(env))))
    env.shutdown()
    gateway = FolderGateway(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRAC_ENV", str(folder / "trac"))
        Listener().on_start_app_migration(gateway, SimpleNamespace(name="Harbour"))  # type: ignore[arg-type]
    assert gateway.complete
    return folder


def import_all(folder: Path, noticeboard: Path) -> list[str]:
    """Import every file once; the lines the admin would read."""
    migration = FolderMigration(folder)
    with opened(str(noticeboard)) as db:
        for label in KINDS:
            event = {"transferId": "T1", "messageId": label, "key": label, "label": label}
            import_file(db, migration, event)  # type: ignore[arg-type]
    return migration.logs


def test_what_is_imported_equals_the_source(exported: Path, tmp_path: Path) -> None:
    """Everything arrives, with a log line for each file that names who has no account."""
    logs = import_all(exported, tmp_path / "board.db")
    result = compare(exported / "trac", tmp_path / "board.db", exported / "mappings.ndjson")
    assert result["samples"] == []
    assert result["records"]["users"] == 10
    assert result["records"]["pages"] > 60
    assert result["records"]["attachments"] == 40
    assert result["records"]["fields"] > 150 * 10
    assert logs[0] == "Imported 10 records of users"
    assert logs[2] == (
        "Imported 150 records of tickets; these people have no account: olaf, quentin"
    )


def test_importing_again_and_at_once_changes_nothing(exported: Path, tmp_path: Path) -> None:
    """Three processes start on an empty database together and import the same files."""
    board = tmp_path / "board.db"
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        for job in [pool.submit(import_all, exported, board) for _ in range(3)]:
            job.result()
    result = compare(exported / "trac", board, exported / "mappings.ndjson")
    assert result["samples"] == []


def test_differences_are_found(exported: Path, tmp_path: Path) -> None:
    """A changed byte, a lost comment and an invented user are each told."""
    board = tmp_path / "board.db"
    import_all(exported, board)
    with opened(str(board)) as db, db:
        db.execute("UPDATE attachments SET content = x'00' WHERE name = 'README'")
        db.execute("DELETE FROM changes WHERE ticket = (SELECT max(ticket) FROM changes)")
        db.execute("INSERT INTO users (name) VALUES ('nobody')")
    result = compare(exported / "trac", board, exported / "mappings.ndjson")
    lost = result["differing"].pop("changes")
    assert lost >= 1
    assert result["differing"] == {"users": 1, "pages": 0, "fields": 0, "attachments": 3}


def test_an_export_that_fails_is_never_called_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a Trac project the listener raises, which the agent reports."""
    gateway = FolderGateway(tmp_path)
    monkeypatch.setenv("TRAC_ENV", str(tmp_path))
    with pytest.raises(TracError, match="No Trac environment"):
        Listener().on_start_app_migration(gateway, SimpleNamespace(name="Harbour"))  # type: ignore[arg-type]
    assert not gateway.complete


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [([], []), ([1] * 250, [100, 100, 50]), ([3_000_000] * 3, [2, 1])],
)
def test_batches_are_bounded(sizes: list[int], expected: list[int]) -> None:
    """By number and by size."""

    def lines() -> Iterator[bytes]:
        yield from (b"x" * size for size in sizes)

    assert [len(batch) for batch in batches(lines())] == expected
