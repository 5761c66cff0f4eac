"""Cloud apps that read each file back before they acknowledge it."""

import json
import queue
import threading
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ferryman import Migration
from ferryman.sdk.errors import ClientError

READERS = 3


@dataclass
class VerifyingApps:
    """One remote for several apps; the path of its URL names the app.

    ``read`` holds, by transfer, label and sha256 of what was read.
    """

    url: str = ""
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    read: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def open(self) -> None:
        """Begin to listen."""
        self._due: queue.Queue[tuple[str, dict[str, Any]] | None] = queue.Queue()
        self._done: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._threads = [threading.Thread(target=self._server.serve_forever, daemon=True)]
        self._threads += [
            threading.Thread(target=self._take_in, daemon=True) for _ in range(READERS)
        ]
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
        due = self._due

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                due.put((self.path.strip("/").partition("/")[0], json.loads(body)))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler

    def _take_in(self) -> None:
        while (found := self._due.get()) is not None:
            app, event = found
            if event["messageId"] in self._done:
                continue
            try:
                self._read(app, event)
            except ClientError as refused:
                # One that has settled meanwhile takes nothing more.
                if not refused.settled:
                    self.problems.append(f"{event['label']}: {refused}")
            else:
                self._done.add(event["messageId"])

    def _read(self, app: str, event: dict[str, Any]) -> None:
        url, token = self.tokens[app]
        with Migration(url, token, retry_seconds=120) as migration:
            with migration.get_app_data_payload(event["key"]) as payload:
                digest = sha256(payload.content()).hexdigest()
            self.read.setdefault(event["transferId"], set()).add((event["label"], digest))
            migration.message_processed(event["transferId"], event["messageId"])
