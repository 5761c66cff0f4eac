"""The cloud app: keeps the secret it is installed with, checks each call, imports the notes.

It answers at once, because the platform waits for five seconds only. An event may come twice.
"""

import json
import os
import sqlite3
import sys
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit
from urllib.request import urlopen

import jwt

from ferryman import ConnectMigration, MigrationAPIError, SignatureInvalid, verify_webhook
from ferryman.qsh import query_string_hash

DESCRIPTOR = json.loads(Path(__file__).with_name("atlassian-connect.json").read_text())
PLATFORM = os.environ.get("FERRYMAN_URL", "http://127.0.0.1:8400")
SCHEMA = """
CREATE TABLE IF NOT EXISTS tenant (client_key TEXT PRIMARY KEY, secret TEXT, base_url TEXT);
CREATE TABLE IF NOT EXISTS inbox (id TEXT PRIMARY KEY, event TEXT, due REAL);
CREATE TABLE IF NOT EXISTS note (id TEXT PRIMARY KEY, author TEXT, text TEXT);
"""
AGAIN_SECONDS = 5
BATCH = 100  # ids that the platform looks up in one call
arrived = Event()


def database():
    place = os.environ.get("NOTES_DB", "notes.db")
    return closing(sqlite3.connect(place, timeout=15, isolation_level=None))


def tenant(db):
    """Return secret and address of the site that installed the app."""
    return db.execute("SELECT secret, base_url FROM tenant").fetchone() or ("", "")


def check_install(authorization, path, base_url, client_key):
    """Raise unless the platform signed this: RS256, with a key that it publishes."""
    token = authorization.removeprefix("JWT ")
    kid = jwt.get_unverified_header(token)["kid"]
    with urlopen(f"{PLATFORM}/connect/install-keys/{kid}", timeout=10) as answer:  # noqa: S310
        key = answer.read()
    claims = jwt.decode(token, key, ["RS256"], audience=base_url, issuer=client_key)
    if claims["qsh"] != query_string_hash("POST", path, ""):
        raise jwt.InvalidTokenError("signed for another request")


class ConnectCalls(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            with database() as db:
                self.take(db, json.loads(body), self.headers.get("Authorization", ""))
        except (jwt.PyJWTError, SignatureInvalid, OSError, KeyError) as refused:
            print("refused:", refused, flush=True)
            return self.answer(401)
        return self.answer(200)

    def take(self, db, body, authorization):
        path = urlsplit(self.path).path
        if path in ("/installed", "/uninstalled"):
            base_url = f"http://127.0.0.1:{self.server.server_port}"
            check_install(authorization, path, base_url, body["clientKey"])
            if path == "/installed":
                row = (body["clientKey"], body["sharedSecret"], body["baseUrl"])
                db.execute("INSERT OR REPLACE INTO tenant VALUES (?, ?, ?)", row)
            return
        verify_webhook(authorization, tenant(db)[0], method="POST", target=self.path)
        row = (body["messageId"], json.dumps(body))
        db.execute("INSERT OR IGNORE INTO inbox VALUES (?, ?, 0)", row)
        arrived.set()

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
            query = "SELECT id, event FROM inbox WHERE due <= ?"
            for message, body in db.execute(query, [time.time()]).fetchall():
                try:
                    process(db, json.loads(body))
                except Exception as failure:
                    print("failed:", failure, flush=True)
                    due = time.time() + AGAIN_SECONDS
                    db.execute("UPDATE inbox SET due = ? WHERE id = ?", [due, message])
                else:
                    db.execute("UPDATE inbox SET due = 9e99 WHERE id = ?", [message])


def process(db, event):
    if event["eventType"] != "app-data-uploaded":
        return
    secret, url = tenant(db)
    transfer_id = event["transferId"]
    migration = ConnectMigration(url, DESCRIPTOR["key"], secret)
    try:
        # This app's export is one file. If yours has several, report SUCCESS after the last one.
        count = import_notes(db, migration, transfer_id, event["s3Key"])
        migration.report_progress(
            transfer_id, "SUCCESS", percent=100, message=f"{count} notes imported"
        )
    except MigrationAPIError as refused:
        if not refused.settled:  # else the transfer is over, and there is nothing left to do
            raise


def import_notes(db, migration, transfer_id, key):
    with migration.get_app_data_payload(key) as payload:
        notes = [json.loads(line) for line in payload.read().splitlines()]
    for start in range(0, len(notes), BATCH):
        batch = notes[start : start + BATCH]
        authors = sorted({note["author"] for note in batch})
        people = migration.get_mapping_by_id(transfer_id, "identity:user", authors)
        for note in batch:
            row = (note["id"], people.result.get(note["author"]), note["text"])
            db.execute("REPLACE INTO note VALUES (?, ?, ?)", row)
    return len(notes)


if __name__ == "__main__":
    with database() as db:
        db.executescript(SCHEMA)
    port = int(sys.argv[1]) if len(sys.argv) > 1 else urlsplit(DESCRIPTOR["baseUrl"]).port
    app = ThreadingHTTPServer(("127.0.0.1", port), ConnectCalls)
    Thread(target=work, daemon=True).start()
    print(f"Listening on http://127.0.0.1:{app.server_port}", flush=True)
    app.serve_forever()
