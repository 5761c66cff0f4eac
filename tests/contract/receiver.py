"""Where events arrive: a real HTTP server that plays the remotes and webhooks of all apps."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request; names of headers are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        return json.loads(self.body)


@dataclass
class Inbox:
    """What came to one app, and how it answers.

    ``answers`` are used up one by one, then it is 200. A number is a status; ``hang`` keeps the
    caller waiting until it hangs up.
    """

    url: str
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    hang: bool = False

    def events(self, kind: str = "") -> list[Any]:
        """Payloads in the order they came, of one type or of all."""
        found = [each.event for each in self.received]
        return [event for event in found if kind in event["eventType"]]


class Receiver(ThreadingHTTPServer):
    """All inboxes, each under a path of its own."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.inboxes: dict[str, Inbox] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self._thread.start()

    def open(self) -> Inbox:
        """A new inbox, empty and with an address of its own."""
        with self._lock:
            name = f"app-{len(self.inboxes) + 1}"
            port = self.server_address[1]
            self.inboxes[name] = Inbox(f"http://127.0.0.1:{port}/{name}")
            return self.inboxes[name]

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        inbox = self.server.inboxes[self.path.split("/")[1].partition("?")[0]]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.command, self.path, headers, body)
        inbox.received.append(received)
        if inbox.hang:
            self.rfile.read(1)  # returns when the caller hangs up
            self.close_connection = True
            return
        status = inbox.answers.pop(0) if inbox.answers else 200
        if inbox.refused and received.event["eventType"] in inbox.refused:
            status = 500
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it is given
        """Say nothing."""
