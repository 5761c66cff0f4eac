"""What the apps of a soak meant, sent, got and acknowledged, kept beside the platform.

It is a file of SQLite, written before each step is answered for, so that a run that was ended by
anything goes on where it was. All of it is written by one process, from several threads.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS session (
    number INTEGER PRIMARY KEY, seed INTEGER, began REAL, seconds REAL DEFAULT 0);
CREATE TABLE IF NOT EXISTS kill (session INTEGER, at REAL, victim TEXT);
CREATE TABLE IF NOT EXISTS app (number INTEGER PRIMARY KEY, server_token TEXT, cloud_token TEXT);
CREATE TABLE IF NOT EXISTS transfer (
    id TEXT PRIMARY KEY, migration TEXT, app INTEGER, files INTEGER,
    state TEXT DEFAULT 'SENDING', status TEXT);
CREATE TABLE IF NOT EXISTS file (
    transfer TEXT, label TEXT, size INTEGER, sha256 TEXT, key TEXT, message TEXT,
    PRIMARY KEY (transfer, label)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS file_message ON file (message);
-- Times are in milliseconds since 1970, by the clock of this machine.
CREATE TABLE IF NOT EXISTS event (
    message TEXT PRIMARY KEY, transfer TEXT, label TEXT, key TEXT, times INTEGER,
    read TEXT, acknowledged REAL) WITHOUT ROWID;
"""


class Ledger:
    """The file, and one connection that the threads share."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _locked(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._db

    def write(self, statement: str, *values: Any) -> None:
        """Run one statement, which is durable when this returns."""
        with self._locked() as db:
            db.execute(statement, values)

    def write_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each row, in one transaction."""
        with self._locked() as db:
            db.execute("BEGIN")
            db.executemany(statement, rows)
            db.execute("COMMIT")

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Return the rows of a query."""
        with self._locked() as db:
            return db.execute(query, values).fetchall()

    def value(self, query: str, *values: Any) -> Any:
        """Return the first column of the only row of a query, or None without a row."""
        found = self.rows(query, *values)
        return found[0][0] if found else None

    def setting(self, name: str, new: str) -> str:
        """Return a value that all sessions share; ``new`` is what the first one sets."""
        self.write("INSERT OR IGNORE INTO setting VALUES (?, ?)", name, new)
        return str(self.value("SELECT value FROM setting WHERE name = ?", name))

    def begin(self, seed: int) -> int:
        """Begin a session; return its number."""
        number = int(self.value("SELECT count(*) FROM session")) + 1
        self.write("INSERT INTO session VALUES (?, ?, ?, 0)", number, seed, time.time())
        return number

    def take(self, event: dict[str, Any]) -> bool:
        """Note that an event came; return whether nobody works at it yet."""
        row = [event[name] for name in ("messageId", "transferId", "label", "key")]
        with self._locked() as db:
            added = db.execute(
                "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, 0, NULL, NULL)", row
            )
            db.execute("UPDATE event SET times = times + 1 WHERE message = ?", row[:1])
            return added.rowcount == 1
