"""Compares what the noticeboard imported with what is in Trac, record by record.

    python compare.py TRAC_FOLDER NOTICEBOARD_DB MAPPINGS_FILE

It reads Trac's database and attachment files by itself, so that a mistake in the listener or in
the import cannot hide here. Prints JSON and exits with 1 if anything differs.
"""

import hashlib
import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

Row = tuple[Any, ...]
TABLES = {"users": 1, "pages": 2, "fields": 2, "changes": 3, "attachments": 3}  # columns of the key
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SAMPLES = 5  # differences shown of each table


class Ids:
    """The mappings that the migration was given."""

    def __init__(self, file: Path) -> None:
        rows = map(json.loads, file.read_text().splitlines())
        self.cloud: dict[tuple[str, str], str]
        self.cloud = {(row["namespace"], row["serverKey"]): row["cloudKey"] for row in rows}

    def user(self, name: str) -> str:
        """The account, or the old name of someone who has none."""
        return self.cloud.get(("identity:user", f"trac.username/{name}"), name)

    def value(self, field: str, value: str | None) -> str:
        """A ticket's field as it must read in the cloud."""
        if field == "cc" and value:
            return ", ".join(self.user(name) for name in value.split(", "))
        return self.user(value or "") if field in {"reporter", "owner"} else value or ""

    def parent(self, realm: str, name: str) -> str | None:
        """The page or ticket that something is attached to."""
        return self.cloud.get(("trac:page" if realm == "wiki" else "trac:ticket", name))


class Source:
    """Trac's content, as it must look in the cloud."""

    def __init__(self, folder: Path, ids: Ids) -> None:
        self.folder, self.ids = folder, ids
        self.db = sqlite3.connect(f"{(folder / 'db/trac.db').as_uri()}?mode=ro", uri=True)
        self.db.row_factory = sqlite3.Row

    def users(self) -> Iterator[Row]:
        """People who can log in."""
        for (sid,) in self.db.execute("SELECT sid FROM session WHERE authenticated = 1").fetchall():
            said = "SELECT name, value FROM session_attribute WHERE sid = ? AND authenticated = 1"
            about = dict(self.db.execute(said, (sid,)).fetchall())
            yield sid, self.ids.user(sid), about.get("name", ""), about.get("email", "")

    def pages(self) -> Iterator[Row]:
        """All versions."""
        for row in self.db.execute("SELECT * FROM wiki"):
            page_id = self.ids.parent("wiki", row["name"])
            author, comment = self.ids.user(row["author"]), row["comment"] or ""
            key = (row["name"], row["version"])
            yield *key, page_id, author, moment(row["time"]), comment, row["text"]

    def fields(self) -> Iterator[Row]:
        """All columns of all tickets that hold something, and the fields that an admin added."""
        for row in map(dict, self.db.execute("SELECT * FROM ticket")):
            number = row.pop("id")
            key = self.ids.parent("ticket", str(number))
            for field, value in row.items():
                text = moment(value) if field.endswith("time") else value
                if text:
                    yield number, field, key, self.ids.value(field, text)
        for row in self.db.execute("SELECT * FROM ticket_custom WHERE value <> ''"):
            key = self.ids.parent("ticket", str(row["ticket"]))
            yield row["ticket"], row["name"], key, row["value"]

    def changes(self) -> Iterator[Row]:
        """All changes and comments."""
        for row in self.db.execute("SELECT * FROM ticket_change"):
            old, new = (
                self.ids.value(row["field"], row[side]) for side in ("oldvalue", "newvalue")
            )
            author = self.ids.user(row["author"])
            yield row["ticket"], moment(row["time"]), row["field"], author, old, new

    def attachments(self) -> Iterator[Row]:
        """All files, by the digest of their bytes."""
        for row in self.db.execute("SELECT * FROM attachment"):
            parent, author = self.ids.parent(row["type"], row["id"]), self.ids.user(row["author"])
            content = self.attached(row["type"], row["id"], row["filename"]).read_bytes()
            key = (row["type"], row["id"], row["filename"])
            description = row["description"] or ""
            yield *key, parent, author, moment(row["time"]), description, digest(content)

    def attached(self, realm: str, parent: str, name: str) -> Path:
        """Where Trac keeps a file: under hashed names, with a plain extension kept."""
        extension = re.search(r"\.[A-Za-z0-9]+$", name)
        folder = self.folder / "files" / "attachments" / realm / sha1(parent)[:3] / sha1(parent)
        return folder / (sha1(name) + (extension.group() if extension else ""))


def moment(microseconds: int) -> str:
    """Trac's times are microseconds since 1970; the noticeboard's are ISO 8601."""
    return (EPOCH + timedelta(microseconds=microseconds)).isoformat()


def sha1(text: str) -> str:
    """The hash by which Trac names files."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def digest(content: bytes) -> str:
    """Stands for a file's bytes."""
    return f"sha256 {hashlib.sha256(content).hexdigest()}, {len(content)} bytes"


def imported(db: sqlite3.Connection, table: str) -> Iterator[Row]:
    """The rows of one table of the noticeboard."""
    for row in db.execute(f"SELECT * FROM {table}"):  # noqa: S608 - one of TABLES
        yield tuple(digest(value) if isinstance(value, bytes) else value for value in row)


def compare(folder: Path, noticeboard: Path, mappings: Path) -> dict[str, Any]:
    """Count the records of each table and tell what differs, both ways."""
    source = Source(folder, Ids(mappings))
    records: dict[str, int] = {}
    differing: dict[str, int] = {}
    samples: list[dict[str, Any]] = []
    with closing(source.db), closing(sqlite3.connect(noticeboard)) as db:
        for table, width in TABLES.items():
            expected = {row[:width]: row[width:] for row in getattr(source, table)()}
            found = {row[:width]: row[width:] for row in imported(db, table)}
            keys = [k for k in expected.keys() | found.keys() if expected.get(k) != found.get(k)]
            records[table], differing[table] = len(expected), len(keys)
            samples += [
                {"table": table, "key": k, "expected": expected.get(k), "found": found.get(k)}
                for k in keys[:SAMPLES]
            ]
    return {"records": records, "differing": differing, "samples": samples}


if __name__ == "__main__":
    result = compare(*(Path(argument).resolve() for argument in sys.argv[1:4]))
    print(json.dumps(result, ensure_ascii=False, indent=2))
    sys.exit(1 if any(result["differing"].values()) else 0)
