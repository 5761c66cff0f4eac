"""A Connect app that imports notes: installed by the platform, told by a webhook, reports itself.

Needs ``ferryman`` and ``pyjwt[crypto]``; keeps everything in one SQLite file.
"""

import json
import os
import sqlite3
import sys
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import jwt

from ferryman import ConnectMigration, MigrationAPIError, SignatureInvalid, verify_webhook
from ferryman.qsh import query_string_hash

DESCRIPTOR = json.loads(Path(__file__).with_name("atlassian-connect.json").read_text())
# Where the public keys of installations are; the platform that this app trusts.
KEYS = os.environ.get("INSTALL_KEYS", "http://127.0.0.1:8400/connect/install-keys")
BASE_URL = os.environ.get("BASE_URL", DESCRIPTOR["baseUrl"])
SCHEMA = """
CREATE TABLE IF NOT EXISTS tenant (client_key TEXT PRIMARY KEY, secret TEXT, base_url TEXT);
CREATE TABLE IF NOT EXISTS event (id TEXT PRIMARY KEY, body TEXT);
CREATE TABLE IF NOT EXISTS note (id TEXT PRIMARY KEY, author TEXT, title TEXT);
"""


def database() -> Any:
    return closing(sqlite3.connect(os.environ.get("NOTES_DB", "notes.db"), isolation_level=None))


def tenant(client_key: str | None = None) -> tuple[str, str, str] | None:
    """Client key, secret and address of who installed this app."""
    with database() as db:
        where = "WHERE client_key = ?" if client_key else ""
        found: tuple[str, str, str] | None = db.execute(
            f"SELECT * FROM tenant {where}",  # noqa: S608
            [client_key] if client_key else [],
        ).fetchone()
    return found


def check_install(authorization: str, path: str) -> dict[str, Any]:
    """The claims of a signed installation: RS256, by a key that its platform publishes."""
    token = authorization.removeprefix("JWT ")
    kid = jwt.get_unverified_header(token)["kid"]
    with urlopen(f"{KEYS}/{kid}", timeout=10) as answer:  # noqa: S310
        key = answer.read()
    claims: dict[str, Any] = jwt.decode(token, key, ["RS256"], audience=BASE_URL)
    if claims["qsh"] != query_string_hash("POST", path, ""):
        raise jwt.InvalidTokenError("signed for another request")
    return claims


def installed(claims: dict[str, Any], body: dict[str, Any]) -> None:
    """Keep the secret. Whoever installs again gets a new one."""
    if claims["iss"] != body["clientKey"]:
        raise jwt.InvalidTokenError("issued by another client")
    with database() as db:
        row = (body["clientKey"], body["sharedSecret"], body["baseUrl"])
        db.execute("INSERT OR REPLACE INTO tenant VALUES (?, ?, ?)", row)


def take(event: dict[str, Any]) -> bool:
    """Write an event down; False for one that came before."""
    with database() as db:
        row = (event["messageId"], json.dumps(event))
        return bool(db.execute("INSERT OR IGNORE INTO event VALUES (?, ?)", row).rowcount)


def process(event: dict[str, Any]) -> None:
    """After the answer: what an event asks for."""
    found = tenant()
    if found is None or event["eventType"] != "app-data-uploaded":
        return
    _, secret, url = found
    migration = ConnectMigration(url, DESCRIPTOR["key"], secret)
    transfer_id, keys = event["transferId"], {event["s3Key"]}
    # The server app gives the last file this label. Events come in any order and may be lost with
    # this process, so all files are imported then; importing one again leaves one.
    last = event.get("label") == "last"
    try:
        if last:
            keys = {file.key for file in migration.get_app_data_list(transfer_id).result}
        count = sum(import_notes(migration, transfer_id, key) for key in keys)
        status, percent = ("SUCCESS", 100) if last else ("IN_PROGRESS", 50)
        migration.report_progress(transfer_id, status, percent=percent, message=f"{count} notes")
    except Exception as failure:
        if isinstance(failure, MigrationAPIError) and failure.settled:
            return  # by the event of the last file, which has imported this one
        migration.report_progress(transfer_id, "FAILED", message=str(failure)[:200])
        raise


def import_notes(migration: ConnectMigration, transfer_id: str, key: str) -> int:
    """A JSON object a line; importing one twice leaves one."""
    with migration.get_app_data_payload(key) as payload:
        notes = [json.loads(line) for line in payload.read().splitlines()]
    authors = sorted({note["author"] for note in notes})
    people = migration.get_mapping_by_id(transfer_id, "identity:user", authors).result
    with database() as db:
        for note in notes:
            row = (note["id"], people.get(note["author"]), note["title"])
            db.execute("INSERT OR REPLACE INTO note VALUES (?, ?, ?)", row)
    return len(notes)


class Requests(BaseHTTPRequestHandler):
    """What the platform sends."""

    def do_GET(self) -> None:
        self.answer(200, json.dumps({**DESCRIPTOR, "baseUrl": BASE_URL}).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        authorization, path = self.headers.get("Authorization", ""), urlsplit(self.path).path
        try:
            if path in ("/installed", "/uninstalled"):
                claims = check_install(authorization, path)
                if path == "/installed":
                    installed(claims, body)
                return self.answer(200)
            found = tenant()
            verify_webhook(
                authorization, found[1] if found else "", method="POST", target=self.path
            )
        except (jwt.PyJWTError, SignatureInvalid, OSError, KeyError) as refused:
            print("refused:", refused, flush=True)
            return self.answer(401)
        if take(body):
            threading.Thread(target=process, args=[body]).start()
        return self.answer(200)

    def answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    with database() as db:
        db.executescript(SCHEMA)
    port = int(sys.argv[1]) if len(sys.argv) > 1 else urlsplit(BASE_URL).port
    ThreadingHTTPServer(("127.0.0.1", port or 8600), Requests).serve_forever()
