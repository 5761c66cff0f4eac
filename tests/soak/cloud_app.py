"""The cloud apps of a soak: they keep each event, read its file, compare it, and acknowledge it.

They misbehave as remotes do: one answer in twelve is an error or does not come at all, although
the event was kept.
"""

import json
import queue
import random
import sys
import threading
import time
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zlib import crc32

from ferryman import Migration
from ferryman.sdk.errors import ClientError
from tests.soak.fleet import PATIENCE
from tests.soak.ledger import Ledger

READERS = 4
MIXED = 3
"""The number of the app that takes some files for bad, so that its transfers are INCOMPLETE."""


def verdict(app: int, label: str) -> str:
    """Return how that app acknowledges a file."""
    return "FAILED" if app == MIXED and crc32(label.encode()) % 7 == 0 else "SUCCESS"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of workers that were killed in the middle of a call."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class CloudApps:
    """One server for all; the path names the app."""

    def __init__(self, port: int, url: str, ledger: Ledger, seed: int) -> None:
        self._url, self._ledger = url, ledger
        self._chance = random.Random(seed)  # noqa: S311
        self._tokens = dict(ledger.rows("SELECT number, cloud_token FROM app"))
        self._due: queue.Queue[tuple[str, ...] | None] = queue.Queue()
        self.problems: list[str] = []
        self.answers = {"dropped": 0, "failed": 0}
        left = """SELECT message, transfer, label, key FROM event WHERE acknowledged IS NULL"""
        for row in ledger.rows(left):
            self._due.put(row)
        self._server = _Server(("127.0.0.1", port), self._handler())
        self._threads = [threading.Thread(target=self._server.serve_forever, daemon=True)]
        self._threads += [threading.Thread(target=self._work, daemon=True) for _ in range(READERS)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End with what has come."""
        self._server.shutdown()
        self._server.server_close()
        for _ in range(READERS):
            self._due.put(None)
        for thread in self._threads:
            thread.join(60)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        apps = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                apps.keep(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                status = apps.mood()
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler

    def keep(self, event: dict[str, str]) -> None:
        """Keep an event for good before it is answered."""
        if self._ledger.take(event):
            names = ("messageId", "transferId", "label", "key")
            self._due.put(tuple(event[name] for name in names))

    def mood(self) -> int | None:
        """Return the status of an answer, or None for no answer."""
        number = self._chance.random()
        if number < 0.04:
            self.answers["dropped"] += 1
            return None
        if number < 0.08:
            self.answers["failed"] += 1
            return 500
        return 200

    def _work(self) -> None:
        clients: dict[int, Migration] = {}
        while (found := self._due.get()) is not None:
            app = self._ledger.value("SELECT app FROM transfer WHERE id = ?", found[1])
            if app not in clients:
                token = self._tokens[app]
                clients[app] = Migration(self._url, token, retry_seconds=PATIENCE)
            try:
                self._take_in(clients[app], app, *found)
            except ClientError as refused:
                if refused.settled:
                    # An earlier try was heard, its answer lost, and the transfer has settled.
                    self._note(found[0], 0)
                else:
                    self.problems.append(f"{found[2]}: {refused}")
        for client in clients.values():
            client.close()

    def _take_in(
        self, client: Migration, app: int, message: str, transfer: str, label: str, key: str
    ) -> None:
        with client.get_app_data_payload(key) as payload:
            read = sha256(payload.content()).hexdigest()
        self._ledger.write("UPDATE event SET read = ? WHERE message = ?", read, message)
        good = verdict(app, label) == "SUCCESS"
        (client.message_processed if good else client.message_failed)(transfer, message)
        self._note(message, time.time() * 1000)

    def _note(self, message: str, acknowledged: float) -> None:
        update = "UPDATE event SET acknowledged = ? WHERE message = ?"
        self._ledger.write(update, acknowledged, message)
