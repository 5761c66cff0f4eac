"""The cloud app, a service of its own: keeps each event in an inbox, then imports its notes.

It answers at once, because the platform waits for five seconds only. An event may come twice.
"""

import json
import os
import sqlite3
import sys
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import jwt

from ferryman import Migration, MigrationAPIError

PLATFORM = os.environ.get("FERRYMAN_URL", "http://127.0.0.1:8400")
APP = "ari:cloud:ecosystem::app/00000000-0000-4000-8000-000000000000"
KEYS = jwt.PyJWKClient(f"{PLATFORM}/.well-known/jwks.json")
SCHEMA = """
CREATE TABLE IF NOT EXISTS inbox (id TEXT PRIMARY KEY, event TEXT, token TEXT, due REAL);
CREATE TABLE IF NOT EXISTS note (id TEXT PRIMARY KEY, author TEXT, text TEXT);
"""
AGAIN_SECONDS = 5
BATCH = 100  # ids that the platform looks up in one call
arrived = Event()


def database():
    place = os.environ.get("NOTES_DB", "notes.db")
    return closing(sqlite3.connect(place, timeout=15, isolation_level=None))


def check(token):
    """Raise unless the platform signed this for this app; the algorithm is ours to choose."""
    key = KEYS.get_signing_key_from_jwt(token)
    jwt.decode(token, key, ["RS256"], audience=APP, issuer="forge/invocation-token")


class RemoteEvents(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            check(self.headers.get("Authorization", "").removeprefix("Bearer "))
        except jwt.PyJWTError as refused:
            print("refused:", refused, flush=True)
            return self.answer(401)
        event, token = json.loads(body), self.headers["x-forge-oauth-system"]
        with database() as db:
            row = (event["messageId"], body.decode(), token)
            db.execute("INSERT OR IGNORE INTO inbox VALUES (?, ?, ?, 0)", row)
        arrived.set()
        return self.answer(200)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def work():
    """Import what is in the inbox; what fails is tried again later."""
    while True:
        arrived.wait(AGAIN_SECONDS)
        arrived.clear()
        with database() as db:
            query = "SELECT id, event, token FROM inbox WHERE due <= ?"
            for message, body, token in db.execute(query, [time.time()]).fetchall():
                try:
                    process(db, json.loads(body), token)
                except Exception as failure:
                    print("failed:", failure, flush=True)
                    due = time.time() + AGAIN_SECONDS
                    db.execute("UPDATE inbox SET due = ? WHERE id = ?", [due, message])
                else:
                    db.execute("UPDATE inbox SET due = 9e99 WHERE id = ?", [message])


def process(db, event, token):
    with Migration(PLATFORM, token) as migration:
        try:
            count = import_notes(db, migration, event)
            migration.add_log(event["transferId"], f"{count} notes imported")
            # Only now: an acknowledged event is never sent again.
            migration.message_processed(event["transferId"], event["messageId"])
        except MigrationAPIError as refused:
            if not refused.settled:  # else the transfer is over, and there is nothing left to do
                raise


def import_notes(db, migration, event):
    with migration.get_app_data_payload(event["key"]) as payload:
        notes = [json.loads(line) for line in payload.read().splitlines()]
    for start in range(0, len(notes), BATCH):
        batch = notes[start : start + BATCH]
        authors = sorted({note["author"] for note in batch})
        people = migration.get_mapping_by_id(event["transferId"], "identity:user", authors)
        for note in batch:
            row = (note["id"], people.result.get(note["author"]), note["text"])
            db.execute("REPLACE INTO note VALUES (?, ?, ?)", row)
    return len(notes)


if __name__ == "__main__":
    with database() as db:
        db.executescript(SCHEMA)
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8500
    service = ThreadingHTTPServer(("127.0.0.1", port), RemoteEvents)
    Thread(target=work, daemon=True).start()
    print(f"Listening on http://127.0.0.1:{service.server_port}", flush=True)
    service.serve_forever()
