"""The noticeboard's own database: SQLite, shared by all processes that run the function.

Every row has the id of its source as primary key and is written by ``REPLACE``: writing it
twice, or from two processes at once, leaves the same row.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

Row = tuple[str, dict[str, Any]]  # the table's name and the values by column

BUSY_SECONDS = 15
SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY, account_id TEXT, full_name TEXT, email TEXT
);
CREATE TABLE IF NOT EXISTS pages (
    name TEXT, version INTEGER, page_id TEXT, author TEXT, time TEXT, comment TEXT, text TEXT,
    PRIMARY KEY (name, version)
);
CREATE TABLE IF NOT EXISTS fields (
    ticket INTEGER, field TEXT, ticket_key TEXT, value TEXT,
    PRIMARY KEY (ticket, field)
);
CREATE TABLE IF NOT EXISTS changes (
    ticket INTEGER, time TEXT, field TEXT, author TEXT, old TEXT, new TEXT,
    PRIMARY KEY (ticket, time, field)
);
CREATE TABLE IF NOT EXISTS attachments (
    realm TEXT, parent TEXT, name TEXT, parent_id TEXT, author TEXT, time TEXT,
    description TEXT, content BLOB,
    PRIMARY KEY (realm, parent, name)
);
CREATE TABLE IF NOT EXISTS events (
    message_id TEXT PRIMARY KEY, type TEXT, label TEXT, deliveries INTEGER DEFAULT 1
);
"""
WRITE = {
    "users": "REPLACE INTO users VALUES (:name, :account_id, :full_name, :email)",
    "pages": "REPLACE INTO pages"
    " VALUES (:name, :version, :page_id, :author, :time, :comment, :text)",
    "fields": "REPLACE INTO fields VALUES (:ticket, :field, :ticket_key, :value)",
    "changes": "REPLACE INTO changes VALUES (:ticket, :time, :field, :author, :old, :new)",
    "attachments": "REPLACE INTO attachments"
    " VALUES (:realm, :parent, :name, :parent_id, :author, :time, :description, :content)",
    "events": "INSERT INTO events (message_id, type, label) VALUES (:message_id, :type, :label)"
    " ON CONFLICT (message_id) DO UPDATE SET deliveries = deliveries + 1",
}


@contextmanager
def opened(path: str) -> Iterator[sqlite3.Connection]:
    """Open the database, making it on first use."""
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level="IMMEDIATE")) as db:
        db.executescript(SCHEMA)
        yield db


def write(db: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Write ``rows``, all or none."""
    with db:
        for table, values in rows:
            db.execute(WRITE[table], values)
