"""A Forge app whose events go to a service of its own: checks who calls, answers, imports.

Needs ``ferryman`` and ``pyjwt[crypto]``; keeps everything in one SQLite file.
"""

import json
import os
import sqlite3
import sys
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt

from ferryman import Migration, MigrationAPIError

PLATFORM = os.environ.get("FERRYMAN_URL", "http://127.0.0.1:8400")
APP = "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"
KEYS = jwt.PyJWKClient(f"{PLATFORM}/.well-known/jwks.json")
UPLOADED = "avi:ecosystem.migration:uploaded:app_data"
SCHEMA = """
CREATE TABLE IF NOT EXISTS event (id TEXT PRIMARY KEY, body TEXT);
CREATE TABLE IF NOT EXISTS note (id TEXT PRIMARY KEY, author TEXT, title TEXT);
"""


def database() -> Any:
    return closing(sqlite3.connect(os.environ.get("NOTES_DB", "notes.db"), isolation_level=None))


def check(authorization: str) -> None:
    """Raise unless the platform signed this for this app; the algorithm is ours to choose."""
    token = authorization.removeprefix("Bearer ")
    key = KEYS.get_signing_key_from_jwt(token)
    jwt.decode(token, key, ["RS256"], audience=APP, issuer="forge/invocation-token")


def take(event: dict[str, Any]) -> bool:
    """Write an event down; False for one that came before."""
    with database() as db:
        row = (event["messageId"], json.dumps(event))
        return bool(db.execute("INSERT OR IGNORE INTO event VALUES (?, ?)", row).rowcount)


def process(event: dict[str, Any], system_token: str) -> None:
    """After the answer: import the file, and say what came of it."""
    if event["eventType"] != UPLOADED:
        return
    transfer_id, message_id = event["transferId"], event["messageId"]
    with Migration(PLATFORM, system_token) as migration:
        try:
            count = import_notes(migration, event)
        except Exception as failure:
            if isinstance(failure, MigrationAPIError) and failure.settled:
                return  # the transfer has ended; nothing more is asked for
            migration.add_log(transfer_id, f"A file could not be imported: {failure}"[:200])
            migration.message_failed(transfer_id, message_id)
            raise
        migration.add_log(transfer_id, f"{count} notes of {event.get('label')} are imported")
        migration.message_processed(transfer_id, message_id)


def import_notes(migration: Migration, event: dict[str, Any]) -> int:
    """A JSON object a line; importing one twice leaves one."""
    with migration.get_app_data_payload(event["key"]) as payload:
        notes = [json.loads(line) for line in payload.read().splitlines()]
    authors = sorted({note["author"] for note in notes})
    people = migration.get_mapping_by_id(event["transferId"], "identity:user", authors).result
    with database() as db:
        for note in notes:
            row = (note["id"], people.get(note["author"]), note["title"])
            db.execute("INSERT OR REPLACE INTO note VALUES (?, ?, ?)", row)
    return len(notes)


class Events(BaseHTTPRequestHandler):
    """What the platform sends."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            check(self.headers.get("Authorization", ""))
        except jwt.PyJWTError as refused:
            print("refused:", refused, flush=True)
            return self.answer(401)
        if take(body):
            # Good for an hour; the token of a later event does as well.
            token = self.headers["x-forge-oauth-system"]
            threading.Thread(target=process, args=[body, token]).start()
        return self.answer(200)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


if __name__ == "__main__":
    with database() as db:
        db.executescript(SCHEMA)
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8500
    ThreadingHTTPServer(("127.0.0.1", port), Events).serve_forever()
